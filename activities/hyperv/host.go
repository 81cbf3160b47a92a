package hyperv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// How long a call may take before its answer is given up, sending and waiting
// included; an earlier deadline of the context wins. The acts that can block
// are bounded by Hyper-V itself: a guest is given five minutes to save its
// data, a preparation lasts as long as the backlog.
const (
	readTimeout  = 2 * time.Minute
	actTimeout   = 5 * time.Minute
	longTimeout  = 30 * time.Minute
	guestTimeout = 10 * time.Minute
)

// Host is one Hyper-V host, spoken to through a Runner. It is safe for
// concurrent use when its Runner is.
type Host struct{ runner Runner }

// New returns the host at the other end of r.
func New(r Runner) *Host { return &Host{runner: r} }

// Name is the host's name, for messages.
func (h *Host) Name() string { return h.runner.Host() }

// read runs a function that changes nothing and hands its result to decode.
func (h *Host) read(ctx context.Context, op, function, vm string, args any, decode func([]byte) error) error {
	a, err := h.runner.Run(ctx, Call{Function: function, Args: args, Lane: Watch, Timeout: readTimeout})
	if err != nil {
		return refusal(op, h.Name(), vm, err)
	}
	if a.Outcome != OutcomeDone {
		return unreadable(op, h.Name(), vm, false, fmt.Errorf("a read was answered with %q", a.Outcome))
	}
	if err := decode(a.Result); err != nil {
		return unreadable(op, h.Name(), vm, false, err)
	}
	return nil
}

// none is the arguments of a function that has none.
type none struct{}

// vmArgs is the arguments of a function about one VM.
type vmArgs struct {
	VM string `json:"VM"`
}

// vmsArgs is the arguments of a function about many VMs.
type vmsArgs struct {
	VMs []string `json:"VMs"`
}

// manyVMs brings ids to one form and says which VMs are meant.
func manyVMs(ids []string) (args vmsArgs, asked map[string]bool, err error) {
	args.VMs, asked = make([]string, len(ids)), make(map[string]bool, len(ids))
	for i, id := range ids {
		if args.VMs[i], err = guid(id); err != nil {
			return vmsArgs{}, nil, err
		}
		asked[args.VMs[i]] = true
	}
	return args, asked, nil
}

// Facts asks what the host is and from whom it takes replication.
//
// Microsoft: Hyper-V module, Get-VMHost, Get-VMReplicationServer.
func (h *Host) Facts(ctx context.Context) (facts HostFacts, err error) {
	err = h.read(ctx, "facts", "Get-LifeboatHost", "", none{}, func(b []byte) (err error) {
		facts, err = decodeHost(b)
		return err
	})
	return facts, err
}

// Copies asks for many VMs in one call; no ids means every VM of the host. An
// id that the host does not have is in Missing and is no error. A VM that could
// be read in part only says so in its Problems; asked for by its id, it is an
// error when how it replicates, or to which kind of point it was failed over, is
// not told.
//
// Microsoft: Hyper-V module, Get-VM, Get-VMReplication, Measure-VMReplication,
// Get-VMNetworkAdapter.
func (h *Host) Copies(ctx context.Context, ids []string) (copies Copies, err error) {
	args, asked, err := manyVMs(ids)
	if err != nil {
		return Copies{}, err
	}
	err = h.read(ctx, "copies", "Get-LifeboatCopies", "", args, func(b []byte) (err error) {
		if copies, err = decodeCopies(b); err != nil {
			return err
		}
		return copies.answers(asked)
	})
	if err != nil {
		return Copies{}, err
	}
	if len(ids) > 0 {
		if err := h.unseen(copies); err != nil {
			return Copies{}, err
		}
	}
	return copies, nil
}

// unseen is an error when a VM that was asked for by its id did not tell what
// decisions about it rest on: how it replicates and, once failed over, to which
// kind of point (an older one lacks the last changes).
func (h *Host) unseen(c Copies) error {
	for _, copy := range c.Copies {
		replica := copy.Mode == "Replica" || copy.Mode == "ExtendedReplica"
		point := !replica || !strings.HasPrefix(copy.State, "FailedOver") || copy.FailoverType != nil
		for _, problem := range copy.Problems {
			cmdlet, id, _ := strings.Cut(problem, ": ")
			if cmdlet == "Get-VMReplication" || cmdlet == "Measure-VMReplication" && !point {
				code, kind := classify(id, "")
				return &Error{Op: "copies", Host: h.Name(), VM: copy.VM, Code: code, Kind: kind, Err: errors.New(problem), Hint: hints[kind]}
			}
		}
	}
	return nil
}

// answers says whether c tells of every id asked for and of no other: a VM
// that is merely left out must not look as if it were gone.
func (c Copies) answers(asked map[string]bool) error {
	if len(asked) == 0 {
		return nil
	}
	told := slices.Clone(c.Missing)
	for _, copy := range c.Copies {
		told = append(told, copy.VM)
	}
	return answered(asked, told)
}

// answered says whether told, which holds no id twice, is just what was asked.
func answered(asked map[string]bool, told []string) error {
	for _, id := range told {
		if !asked[id] {
			return fmt.Errorf("VM %s was not asked for", id)
		}
	}
	if len(told) != len(asked) {
		return fmt.Errorf("%d VMs were asked for and %d told of", len(asked), len(told))
	}
	return nil
}

// TestLink lets this host try to reach another as replication would.
//
// Microsoft: Hyper-V module, Test-VMReplicationConnection.
func (h *Host) TestLink(ctx context.Context, link Link) error {
	return h.read(ctx, "test-link", "Test-LifeboatLink", "", link, decodeLink)
}

// Guard asks what compare-and-act would see now.
//
// Microsoft: Hyper-V module, Get-VM.
func (h *Host) Guard(ctx context.Context, id string) (view View, err error) {
	if id, err = guid(id); err != nil {
		return View{}, err
	}
	err = h.read(ctx, "guard", "Get-LifeboatGuard", id, vmArgs{id}, func(b []byte) error {
		if err := decodeStrict(b, &view); err != nil {
			return err
		}
		return view.check()
	})
	return view, err
}

// Secret is a password: it prints as *** and travels only as JSON.
type Secret string

// String hides the secret.
func (Secret) String() string { return "***" }

// GoString hides the secret.
func (Secret) GoString() string { return "***" }

// LogValue hides the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue("***") }

// Guest runs PowerShell text inside the guest and returns its last output as
// text. It is for questions: it is not guarded and may be asked again.
//
// Microsoft: Manage Windows virtual machines with PowerShell Direct.
func (h *Host) Guest(ctx context.Context, id, user string, password Secret, text string) (string, error) {
	id, err := guid(id)
	if err != nil {
		return "", err
	}
	args := struct {
		VM       string `json:"VM"`
		User     string `json:"User"`
		Password Secret `json:"Password"`
		Text     string `json:"Text"`
	}{id, user, password, text}
	a, err := h.runner.Run(ctx, Call{Function: "Invoke-LifeboatGuest", Args: args, Lane: ActLane, Timeout: guestTimeout})
	if err != nil {
		return "", refusal("guest", h.Name(), id, err)
	}
	output, err := decodeGuest(a.Result)
	if err != nil {
		return "", unreadable("guest", h.Name(), id, true, err)
	}
	return output, nil
}
