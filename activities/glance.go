package activities

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// glance is one host's answer about some VMs, by VM id; err is why there is
// none.
type glance struct {
	host   string
	at     time.Time
	copies map[string]plans.Copy
	err    error
}

// glanceAt asks a host for some VMs.
func glanceAt(ctx context.Context, hosts func(string) (*hyperv.Host, error), name string, ids []string) glance {
	host, err := hosts(name)
	if err != nil {
		return glance{host: name, err: err}
	}
	answer, err := host.Copies(ctx, ids)
	if err != nil {
		return glance{host: name, err: err}
	}
	return glanceOf(name, answer)
}

func glanceOf(name string, answer hyperv.Copies) glance {
	g := glance{host: name, at: answer.UTC, copies: make(map[string]plans.Copy, len(answer.Copies))}
	for _, c := range answer.Copies {
		g.copies[c.VM] = copyOf(name, answer.UTC, c)
	}
	return g
}

// of is the copy of a VM: not reached where the host gave no answer, reached and
// not there where it does not have the VM.
func (g glance) of(vm string) plans.Copy {
	if g.copies == nil {
		return plans.Copy{Host: g.host, VM: vm, Lives: lives(g.err)}
	}
	if c, ok := g.copies[vm]; ok {
		return c
	}
	return plans.Copy{Host: g.host, Reached: true, At: g.at, VM: vm}
}

// turnedDown are the reasons of a host that was not asked because it turned the
// caller down.
var turnedDown = []string{"denied", "policy", "quota"}

// lives is true for an error that only a host with power and a line can cause. A
// session that broke down with its host causes one too, once: the next question
// needs a new one, which a dark host does not give.
func lives(err error) bool {
	var unsent *hyperv.NotSentError
	var silent *hyperv.NoAnswerError
	return errors.As(err, &silent) || errors.As(err, &unsent) && slices.Contains(turnedDown, unsent.Reason)
}
