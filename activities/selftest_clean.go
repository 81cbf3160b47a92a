package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// SelfTestCleanIn asks to take away what self-tests have left on two hosts.
type SelfTestCleanIn struct {
	Run   string              `json:"run"`
	Setup plans.SelfTestSetup `json:"setup"`
	// VM is the GUID of this self-test's VM, "" where it is not known. Whatever bears
	// the mark goes too; with Named only what has that name, or what earlier nights of
	// a canary have left where it ends with a dash.
	VM    string    `json:"vm,omitempty"`
	Named string    `json:"named,omitempty"`
	Now   time.Time `json:"now,omitzero"`
}

// SelfTestCleanOut says what is left: nothing once both hosts were seen without.
type SelfTestCleanOut struct {
	Left []string      `json:"left,omitempty"`
	In   time.Duration `json:"in,omitempty"`
}

// SelfTestClean looks at both hosts and does one act for each copy that is left. A
// VM is one of a self-test by the mark that one of its copies bears, or because it
// is this self-test's own; a name says nothing but that a VM which was to be marked
// as this very one was not, and is now.
func (a *Activities) SelfTestClean(ctx context.Context, in SelfTestCleanIn) (SelfTestCleanOut, error) {
	defer beat(ctx)()
	left, unseen := a.selfTestsLeft(ctx, in)
	out := SelfTestCleanOut{Left: unseen}
	for _, l := range left {
		c := plans.NextSelfTestCleaning(l)
		host, err := a.Hosts(in.Setup.At(c.Side).Host)
		if err != nil {
			return out, err
		}
		words := fmt.Sprintf("%s at %s: %s", l.Name, host.Name(), c.Why)
		out.In = max(out.In, c.In)
		if c.Verb != "" {
			done, err := a.send(plans.ActNote{
				Run: in.Run, VM: c.VM, Label: l.Name, Host: host.Name(), Verb: c.Verb, Expect: c.Expect, Why: in.Setup.Kind() + ": " + c.Why, At: in.Now,
				Irreversible: c.Verb == plans.VerbSelfTestRemove,
			}, func() (hyperv.ActResult, error) {
				return selfTestUndo(ctx, host, c.Verb, c.VM, hyperv.Expect(c.Expect))
			})
			if err != nil {
				return out, err
			}
			if done.err != nil {
				words += "; " + done.err.Error()
			}
		}
		out.Left = append(out.Left, words)
	}
	return out, ctx.Err()
}

// selfTestsLeft are the copies that are to go, and the hosts that cannot be seen.
func (a *Activities) selfTestsLeft(ctx context.Context, in SelfTestCleanIn) (left []plans.SelfTestLeft, unseen []string) {
	var ids []string
	if in.VM != "" {
		ids = append(ids, in.VM)
	}
	sides := []plans.SelfTestSide{plans.SelfTestA, plans.SelfTestB}
	dark := map[plans.SelfTestSide]bool{} // each is told once
	tell := func(side plans.SelfTestSide, why string) {
		if !dark[side] {
			unseen = append(unseen, in.Setup.At(side).Host+" cannot be seen: "+why)
		}
		dark[side] = true
	}
	for _, side := range sides {
		host, err := a.Hosts(in.Setup.At(side).Host)
		if err != nil {
			tell(side, err.Error())
			continue
		}
		facts, err := host.Selftests(ctx, nil)
		if err != nil {
			tell(side, err.Error())
		}
		for _, c := range facts.VMs {
			if !slices.Contains(ids, c.VM) && in.wants(c.Name) {
				ids = append(ids, c.VM)
			}
		}
		if in.Named == in.Setup.Name && slices.Contains(facts.Strays, in.Named) {
			unseen = append(unseen, a.selfTestAdopt(ctx, in, host))
		}
	}
	for _, id := range ids {
		sight := a.selfTestSight(ctx, in.Setup, plans.SelfTestStep{}, id)
		known := func(v plans.SelfTestView) bool { return v.Seen && (!v.Here || v.Marked) }
		for _, side := range sides {
			v := sight.At(side)
			switch {
			case !v.Seen:
				tell(side, v.Why)
			case v.Here:
				left = append(left, plans.SelfTestLeft{Side: side, VM: id, SelfTestView: v, Last: known(sight.A) && known(sight.B)})
			}
		}
	}
	return left, unseen
}

func (in SelfTestCleanIn) wants(name string) bool {
	canary, nights := strings.CutSuffix(in.Named, "-")
	if nights {
		return plans.IsCanaryVM(strings.TrimPrefix(canary, plans.CanaryPrefix), name)
	}
	return in.Named == "" || name == in.Named
}

// selfTestAdopt marks the VM of this self-test's own name, whose making ended before
// that, and says how it stands. Removed it is then by its mark.
func (a *Activities) selfTestAdopt(ctx context.Context, in SelfTestCleanIn, host *hyperv.Host) string {
	words := fmt.Sprintf("%s at %s bears no mark", in.Named, host.Name())
	done, err := a.send(plans.ActNote{
		Run: in.Run, Label: in.Named, Host: host.Name(), Verb: plans.VerbSelfTestMake, Why: in.Setup.Kind() + ": mark what was half made", At: in.Now,
	}, func() (hyperv.ActResult, error) {
		_, err := host.MakeSelftest(ctx, in.Named, plans.SelfTestMemory, plans.SelfTestDisk)
		return hyperv.ActResult{Outcome: hyperv.OutcomeDone}, err
	})
	if err = errors.Join(err, done.err); err != nil {
		words += "; " + err.Error()
	}
	return words
}
