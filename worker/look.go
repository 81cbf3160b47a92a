package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/activities/winrm"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Look is what one look at the hosts says about a run that has not started.
type Look struct {
	Input    plans.RunInput  `json:"input"`
	Findings []plans.Finding `json:"findings,omitempty"`
	// Settled are the VMs of an unplanned failover with nothing left to do.
	Settled     []plans.SettledVM `json:"settled,omitempty"`
	Prediction  plans.Prediction  `json:"prediction"`
	Explanation plans.Explanation `json:"explanation"`
}

// Blocked is true when the run would be refused.
func (l *Look) Blocked() bool {
	for _, f := range l.Findings {
		if f.Severity == plans.Blocker {
			return true
		}
	}
	return false
}

// LookAtPlan resolves a plan, reads every host it needs once, and says what a
// run would mean. It changes nothing and needs no engine.
func LookAtPlan(ctx context.Context, cfg *Configuration, plan *plans.RecoveryPlan, request plans.Request) (*Look, error) {
	request.Speed = cfg.Speed()
	input, err := plans.Resolve(cfg.Config, plan, request)
	if err != nil {
		return nil, err
	}
	return lookAt(ctx, cfg, input, request.StopResidents, nil)
}

// LookAtReplacement is LookAtPlan for a lost host whose place another takes.
func LookAtReplacement(ctx context.Context, cfg *Configuration, lost, fresh, seed string, request plans.Request) (*Look, error) {
	request.Speed = cfg.Speed()
	input, err := plans.ResolveReplacement(cfg.Config, lost, fresh, seed, request)
	if err != nil {
		return nil, err
	}
	return lookAt(ctx, cfg, input, nil, nil)
}

// LookAtProtection is LookAtPlan for a protection group, or a VM of one. ahead is
// in how long first copies begin, by the source host's clock, 0 for what the
// request says. data is the engine's folder: its journal knows of failovers that no
// host tells.
func LookAtProtection(ctx context.Context, cfg *Configuration, data string, request plans.ProtectionRequest, ahead time.Duration) (*Look, error) {
	request.Speed = cfg.Speed()
	input, err := plans.ResolveProtection(cfg.Config, request)
	if err != nil {
		return nil, err
	}
	unread := recallMoves(ctx, data, input)
	look, err := lookAt(ctx, cfg, input, nil, func(in plans.RunInput, views []plans.HostView, pairs []plans.Pair) plans.RunInput {
		if ahead > 0 {
			in = plans.BeginIn(in, pairs, ahead)
		}
		return plans.NeededTrust(in, views)
	})
	if err == nil && unread != nil {
		look.Findings = append(look.Findings, *unread)
		plans.SortFindings(look.Findings)
	}
	return look, err
}

// recallMoves tells a protection that begins from existing copies which VMs ran at
// their targets last. Without a journal there was no failover; one that cannot be
// read is a warning, and the engine looks before it acts.
func recallMoves(ctx context.Context, data string, in plans.RunInput) *plans.Finding {
	if in.Operation != plans.Protect || in.Seed.How != plans.SeedExisting {
		return nil
	}
	for i := range in.Steps {
		for j := range in.Steps[i].VMs {
			vm := &in.Steps[i].VMs[j]
			var err error
			if vm.RanThere, err = readRanThere(ctx, data, *vm); errors.Is(err, os.ErrNotExist) {
				return nil
			} else if err != nil {
				return &plans.Finding{Severity: plans.Warning, Code: "journal-unread", Text: "the engine's journal cannot be read: " + err.Error(),
					Means: "whether a VM was failed over to its target last, and the copy there may be the newer one, is not known from here", Remedy: "name its folder with --data; the engine looks again before it acts"}
			}
		}
	}
	return nil
}

// LookAtDrill is LookAtPlan for a drill of the calendar that begins now.
func LookAtDrill(ctx context.Context, cfg *Configuration, drill plans.ScheduledDrill, start plans.DrillStart) (*Look, error) {
	start.Speed = cfg.Speed()
	input, err := plans.ResolveDrill(cfg.Config, drill, start)
	if err != nil {
		return nil, err
	}
	return lookAt(ctx, cfg, input, nil, nil)
}

// lookAt reads every host of a run once; seen, if any, changes the input by what
// the hosts said.
func lookAt(ctx context.Context, cfg *Configuration, input plans.RunInput, stop []string, seen func(plans.RunInput, []plans.HostView, []plans.Pair) plans.RunInput) (*Look, error) {
	all := newHosts(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
	defer all.close(context.WithoutCancel(ctx))
	views, pairs := activities.Look(ctx, all.host, input)
	if seen != nil {
		input = seen(input, views, pairs)
	}
	input, err := plans.MakeRoom(input, stop, views)
	if err != nil {
		return nil, err
	}
	look := &Look{}
	look.Input, look.Findings = activities.ChooseVMs(ctx, all.host, input, views, pairs)
	look.Findings = append(look.Findings, plans.Readiness(look.Input, views, pairs, time.Now())...)
	plans.SortFindings(look.Findings)
	if machine, err := os.Hostname(); err == nil {
		look.Findings = warnOfEngine(look.Findings, look.Input, machine)
	}
	look.Settled = plans.Settled(look.Input, pairs)
	look.Prediction = plans.Predict(look.Input, pairs)
	look.Explanation = plans.Explain(look.Input)
	return look, nil
}

// warnOfEngine adds a warning when a VM of the run bears the name of the machine
// this runs on: an engine that turns itself off does not see the run's end.
func warnOfEngine(found []plans.Finding, in plans.RunInput, machine string) []plans.Finding {
	machine, _, _ = strings.Cut(machine, ".")
	for _, vm := range in.VMs() {
		name, _, _ := strings.Cut(vm.Name, ".")
		if machine == "" || !strings.EqualFold(name, machine) {
			continue
		}
		// Blockers come first, then warnings.
		at := slices.IndexFunc(found, func(f plans.Finding) bool { return f.Severity != plans.Blocker })
		if at < 0 {
			at = len(found)
		}
		found = slices.Insert(found, at, plans.Finding{Severity: plans.Warning, Code: "engine-in-plan", VM: vm.Name,
			Text:   "this VM has the name of the machine that looks: " + machine,
			Means:  "if the engine runs in it, it turns itself off in the middle of the run",
			Remedy: "run the engine outside the plans it runs, best at the other site"})
	}
	return found
}

// HostCheck says whether one host can be reached, read and acted on.
type HostCheck struct {
	Host string `json:"host"`
	// Step is where it stopped, "" when all is well.
	Step    string `json:"step,omitempty"`
	Problem string `json:"problem,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
	System  string `json:"system,omitempty"`
	// VMs says how many copies were read.
	VMs  string        `json:"vms,omitempty"`
	Skew time.Duration `json:"skew"`
	Took time.Duration `json:"took"`
}

// OK is true when nothing stopped the check.
func (h HostCheck) OK() bool { return h.Step == "" }

// checkLimit bounds the check of one host.
const checkLimit = 60 * time.Second

// CheckHosts checks all hosts of a configuration at once, in its order.
func CheckHosts(ctx context.Context, cfg *Configuration) []HostCheck {
	all := newHosts(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
	defer all.close(context.WithoutCancel(ctx))
	checks := make([]HostCheck, len(cfg.Hosts))
	var running sync.WaitGroup
	for i := range cfg.Hosts {
		running.Go(func() { checks[i] = all.check(ctx, cfg.Hosts[i].Name) })
	}
	running.Wait()
	return checks
}

func (h *hosts) check(ctx context.Context, name string) HostCheck {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	began := time.Now()
	c := HostCheck{Host: name}
	session, err := h.session(name)
	if err != nil {
		c.Step, c.Problem, c.Remedy = "configuration", err.Error(), "mend the configuration and check again"
		return c
	}
	if err := session.Probe(ctx); err != nil {
		var p *winrm.ProbeError
		if errors.As(err, &p) {
			c.Step, c.Problem, c.Remedy = p.Step, p.Err.Error(), p.Hint
		} else {
			c.Step, c.Problem = "reach", err.Error()
		}
		return c
	}
	return h.read(ctx, c, name, began)
}

// read asks the host for its facts and its VMs: that needs the rights that
// acting needs too.
func (h *hosts) read(ctx context.Context, c HostCheck, name string, began time.Time) HostCheck {
	host, err := h.host(name)
	if err != nil {
		c.Step, c.Problem = "configuration", err.Error()
		return c
	}
	facts, err := host.Facts(ctx)
	if err != nil {
		c.Step, c.Problem, c.Remedy = "read", err.Error(), "the account must be a local administrator or in Hyper-V Administrators, and the Hyper-V PowerShell module installed"
		return c
	}
	copies, err := host.Copies(ctx, nil)
	if err != nil {
		c.Step, c.Problem, c.Remedy = "read", err.Error(), "run Get-VM on the host itself and mend what it says"
		return c
	}
	c.System, c.Took = facts.OS, time.Since(began)
	c.Skew = time.Until(facts.UTC)
	c.VMs = fmt.Sprintf("%d VMs", len(copies.Copies))
	return c
}
