package hypervisor

import (
	"fmt"
	"slices"
	"time"
)

// site is a place with its mains power and its line to the others.
type site struct {
	name          string
	power, linked bool
}

func (f *Farm) site(name string) *site {
	for _, s := range f.sites {
		if s.name == name {
			return s
		}
	}
	return nil
}

// SiteActs are what can happen to a whole site.
func SiteActs() []string { return []string{"power-loss", "power-on", "cut", "join"} }

// Site does one of SiteActs to every host of a site and to what else stands
// there. It is false when there is no such site or act.
func (f *Farm) Site(name, act, by string) bool {
	s := f.site(name)
	if s == nil || !slices.Contains(SiteActs(), act) {
		return false
	}
	f.mu.Lock()
	f.write("", "", "site", name, act, by)
	switch act {
	case "power-loss":
		s.power = false
	case "power-on":
		s.power = true
	case "cut":
		s.linked = false
	case "join":
		s.linked = true
	}
	f.mu.Unlock()
	do := map[string]func(string, string) bool{"power-loss": f.Crash, "power-on": f.PowerOn, "cut": f.Cut, "join": f.Join}[act]
	for _, h := range f.hosts {
		if h.env.Site == name {
			do(h.env.Name, by)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.followWitnesses()
	return true
}

// violation is something that must never be and was: at a moment, or for as
// long as it lasted.
type violation struct {
	what        string
	from, until time.Time // simulated; until is zero for a moment and while it lasts
	lasts       bool
}

func (f *Farm) violated(what string) {
	f.violate = append(f.violate, &violation{what: what, from: f.Now()})
}

func (f *Farm) violations() []string {
	out := []string{}
	for _, v := range f.violate {
		text := v.from.Format(time.RFC3339) + ": " + v.what
		switch {
		case !v.until.IsZero():
			text += fmt.Sprintf(", for %s", v.until.Sub(v.from).Round(time.Second))
		case v.lasts:
			text += fmt.Sprintf(", for %s so far", f.Now().Sub(v.from).Round(time.Second))
		}
		out = append(out, text)
	}
	return out
}

// checkTwoRunning records the one thing that must never be: two copies of one
// VM that users can reach at once, and how long that lasts.
func (f *Farm) checkTwoRunning(c *copyState) {
	count, where := 0, ""
	for _, h := range f.hosts {
		if o := h.byID[c.id]; o != nil && h.up && o.power == running && o.connected() {
			count++
			where += " " + h.env.Name
		}
	}
	now := f.twins[c.id]
	switch {
	case count > 1 && now == nil:
		v := &violation{what: fmt.Sprintf("two copies of %s (%s) run and are connected, on%s", c.name, c.id, where), from: f.Now(), lasts: true}
		f.violate = append(f.violate, v)
		f.twins[c.id] = v
	case count < 2 && now != nil:
		now.until = f.Now()
		delete(f.twins, c.id)
	}
}

// connected is true when an adapter of the copy has a switch.
func (c *copyState) connected() bool {
	return slices.ContainsFunc(c.adapters, func(a *adapterState) bool { return a.Switch != "" })
}
