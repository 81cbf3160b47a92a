package hypervisor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Fault is a rule: what it matches, what happens, how often.
type Fault struct {
	ID string `json:"id"`
	// Host, Verb (cmdlet) and VM (GUID or name) must match; empty matches all.
	Host string `json:"host,omitempty"`
	Verb string `json:"verb,omitempty"`
	VM   string `json:"vm,omitempty"`
	Kind string `json:"kind"`
	// Skip calls pass first; Count calls are hit (0: every one); Probability
	// (0: always) decides each.
	Skip        int     `json:"skip,omitempty"`
	Count       int     `json:"count,omitempty"`
	Probability float64 `json:"probability,omitempty"`
	// Delay is simulated seconds, for delay and host-crash-return.
	Delay float64 `json:"delay,omitempty"`
	Hits  int     `json:"hits"`
}

// FaultKinds are what a rule may do.
func FaultKinds() []string {
	return []string{
		"drop-before", "drop-after", "cut", "delay", "hang", "refuse", "access-denied", "out-of-memory",
		"host-crash", "host-crash-return", "link-cut", "certificate-expired", "guest-hang", "gate-fail",
	}
}

// AddFault adds a rule and returns its id. guest-hang and gate-fail are states
// of a guest: they hold from now until the rule is removed.
func (f *Farm) AddFault(rule Fault) (string, error) {
	if !slices.Contains(FaultKinds(), rule.Kind) {
		return "", fmt.Errorf("fault kind %q: known are %s", rule.Kind, strings.Join(FaultKinds(), ", "))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if rule.Host != "" && f.Host(rule.Host) == nil {
		return "", fmt.Errorf("there is no host %q", rule.Host)
	}
	f.nextID++
	rule.ID, rule.Hits = fmt.Sprintf("f%d", f.nextID), 0
	f.faults = append(f.faults, &rule)
	f.guestFaults()
	return rule.ID, nil
}

// RemoveFault removes a rule; all of them when id is "".
func (f *Farm) RemoveFault(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.faults)
	f.faults = slices.DeleteFunc(f.faults, func(r *Fault) bool { return id == "" || r.ID == id })
	f.guestFaults()
	return id == "" || len(f.faults) < n
}

// Faults are the rules in force.
func (f *Farm) Faults() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]Fault, len(f.faults))
	for i, r := range f.faults {
		out[i] = *r
	}
	return out
}

// guestFaults brings the guests' states in line with the rules.
func (f *Farm) guestFaults() {
	for _, h := range f.hosts {
		for _, c := range h.copies {
			hangs, silent := false, false
			for _, r := range f.faults {
				if r.matches(h.env.Name, "", c) {
					hangs = hangs || r.Kind == "guest-hang"
					silent = silent || r.Kind == "gate-fail"
				}
			}
			c.hangs = hangs
			if c.silent != silent {
				c.silent = silent
				f.openListeners(c)
			}
		}
	}
}

func (r *Fault) matches(host, verb string, c *copyState) bool {
	if r.Host != "" && r.Host != host {
		return false
	}
	if r.Verb != "" && verb != "" && !strings.EqualFold(r.Verb, verb) {
		return false
	}
	return r.VM == "" || (c != nil && (strings.EqualFold(r.VM, c.id) || r.VM == c.name))
}

// hit picks the rule that strikes this call, if any.
func (f *Farm) hit(host, verb string, c *copyState) *Fault {
	for _, r := range f.faults {
		if r.Kind == "guest-hang" || r.Kind == "gate-fail" || !r.matches(host, verb, c) {
			continue
		}
		if r.Skip > 0 {
			r.Skip--
			continue
		}
		if r.Count > 0 && r.Hits >= r.Count {
			continue
		}
		if r.Probability > 0 && f.rand.Float64() >= r.Probability {
			continue
		}
		r.Hits++
		return r
	}
	return nil
}

// Enter stands before every cmdlet: it plays the fault that strikes and, for a
// cmdlet that changes something, keeps the ledger. leave must be called with
// what became of it. An error means that the cmdlet must not run.
func (f *Farm) Enter(ctx context.Context, host, cmdlet, vm string, by Caller, changes bool) (leave func(error), err error) {
	f.mu.Lock()
	h := f.Host(host)
	var c *copyState
	if h != nil && vm != "" {
		c, _ = h.find(vm)
	}
	rule := f.hit(host, cmdlet, c)
	f.mu.Unlock()
	leave = func(done error) {
		if changes {
			f.mu.Lock()
			f.write(host, vm, "call", cmdlet, outcomeOf(done), by.By)
			f.mu.Unlock()
		}
	}
	if rule == nil {
		return leave, nil
	}
	return f.strike(ctx, rule, h, by, leave)
}

func outcomeOf(err error) string {
	if err != nil {
		return "refused"
	}
	return "done"
}

func (f *Farm) strike(ctx context.Context, r *Fault, h *Host, by Caller, leave func(error)) (func(error), error) {
	wait := time.Duration(r.Delay * float64(time.Second))
	cut := func(kill bool) {
		if by.Cut != nil {
			by.Cut(kill)
		}
	}
	switch r.Kind {
	case "delay":
		select {
		case <-time.After(f.real(wait)):
		case <-ctx.Done():
		}
		return leave, nil
	case "drop-before":
		cut(true)
		return nil, refuse("PipelineStopped", "OperationStopped", "the connection was lost before the call")
	case "drop-after":
		return func(err error) { leave(err); cut(true) }, nil
	case "cut":
		return func(err error) { leave(err); cut(false) }, nil
	case "hang":
		<-ctx.Done()
		return nil, refuse("PipelineStopped", "OperationStopped", "the call never ended")
	case "refuse":
		return nil, refuse("OperationFailed", "NotSpecified", "refused by an injected fault")
	case "access-denied":
		return nil, refuse("AccessDenied", "PermissionDenied", "You do not have the required permission to complete this task.")
	case "out-of-memory":
		return nil, refuse("OutOfMemory", "ResourceUnavailable", "Not enough memory in the system to start the virtual machine.")
	}
	return f.strikeHost(r, h, wait, leave)
}

// strikeHost plays faults of a whole host.
func (f *Farm) strikeHost(r *Fault, h *Host, wait time.Duration, leave func(error)) (func(error), error) {
	gone := refuse("OperationFailed", "NotSpecified", "the host went down")
	switch r.Kind {
	case "host-crash":
		f.Crash(h.env.Name, "fault")
		return nil, gone
	case "host-crash-return":
		f.Crash(h.env.Name, "fault")
		time.AfterFunc(f.real(wait), func() { f.PowerOn(h.env.Name, "fault") })
		return nil, gone
	case "link-cut":
		f.Cut(h.env.Name, "fault")
	case "certificate-expired":
		f.mu.Lock()
		h.expires = f.Now()
		f.mu.Unlock()
	}
	return leave, nil
}
