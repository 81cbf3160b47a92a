package truth

import (
	"fmt"
	"strings"
)

// Kept says where the only copy of a VM was given up (I7): a copy may become a
// replica, and be overwritten, only while another one was failed over or is the
// primary; and no copy goes away.
func Kept(start []Copy, ledger []Entry) (broken []string) {
	now := map[string]Copy{}
	for _, c := range start {
		now[c.at()] = c
	}
	for _, e := range ledger {
		at := e.VM + "@" + e.Host
		c, known := now[at]
		if !known {
			continue
		}
		switch e.What {
		case "state":
			c.State = e.To
		case "mode":
			if c.Mode == "Primary" && e.To == "Replica" && e.Requested() && !goesOnElsewhere(now, c) {
				broken = append(broken, fmt.Sprintf("I7: the copy of %s at %s was made a replica, and no other copy goes on (%s)", e.VM, e.Host, e.By))
			}
			c.Mode = e.To
		case "vm":
			if e.To == "removed" {
				broken = append(broken, fmt.Sprintf("I7: the copy of %s at %s was removed (%s)", e.VM, e.Host, e.By))
			}
		}
		now[at] = c
	}
	return broken
}

func goesOnElsewhere(now map[string]Copy, c Copy) bool {
	for _, o := range now {
		if o.VM == c.VM && o.Host != c.Host && (o.Mode == "Primary" || hasPrefix(o.State, "FailedOver")) {
			return true
		}
	}
	return false
}

func hasPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
