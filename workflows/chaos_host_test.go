package workflows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/truth"
)

// chaosHost carries calls to one host of the farm.
type chaosHost struct {
	c *chaosFarm
	h *hypervisor.Host
}

func (r chaosHost) Host() string { return r.h.Name() }

func (r chaosHost) Run(ctx context.Context, call hyperv.Call) (hyperv.Answer, error) {
	var args chaosArgs
	text, err := json.Marshal(call.Args)
	if err == nil {
		err = json.Unmarshal(text, &args)
	}
	if err != nil {
		return hyperv.Answer{}, err
	}
	r.c.tick(false)
	request := fmt.Sprintf("q%d", r.c.request.Add(1))
	if call.Guard == nil {
		return r.read(ctx, call.Function, request, args)
	}
	return r.act(call, request, args)
}

type chaosArgs struct {
	VM             string
	VMs            []string
	ReplicaServer  string
	Thumbprint     string
	AllowedPrimary string
	Action         string
	Point          string
	NICs           []hyperv.NIC
}

func (r chaosHost) reachable() bool {
	for _, h := range r.c.farm.State().Hosts {
		if h.Name == r.h.Name() {
			return h.Up && h.Linked
		}
	}
	return false
}

func (r chaosHost) unsent() error {
	return &hyperv.NotSentError{Host: r.h.Name(), Reason: "unreachable", Err: errors.New("no route")}
}

func (r chaosHost) unanswered(request string) error {
	return &hyperv.NoAnswerError{Host: r.h.Name(), Request: request, Err: errors.New("connection lost")}
}

func (r chaosHost) read(ctx context.Context, function, request string, args chaosArgs) (hyperv.Answer, error) {
	if !r.reachable() {
		return hyperv.Answer{}, r.unsent()
	}
	if len(args.VMs) == 1 {
		switch vm := r.owner(args.VMs[0]); {
		case r.c.goesWrong(vm, 80):
			r.c.tally.fault("link cut")
			r.c.note("%s is cut off", r.h.Name())
			r.c.farm.Cut(r.h.Name(), "fault")
			r.c.wait(&due{calls: 5 + r.c.throw(vm, 40), calm: true, do: func() { r.c.farm.Join(r.h.Name(), "fault") }})
			return hyperv.Answer{}, r.unanswered(request)
		case r.c.goesWrong(vm, 80):
			r.c.kill(vm, "while it looks", "")
			return hyperv.Answer{}, r.unanswered(request)
		case r.c.goesWrong(vm, 80):
			r.c.tally.fault("read not answered")
			return hyperv.Answer{}, r.unanswered(request)
		}
	}
	for _, vm := range args.VMs {
		r.c.sees(ctx, r.h, vm)
	}
	result, err := chaosReads[function](r.h, args)
	if err != nil {
		return hyperv.Answer{}, r.refusal(function, request, err, false)
	}
	return r.answer(request, hyperv.OutcomeDone, result)
}

func (r chaosHost) answer(request string, o hyperv.Outcome, result any) (hyperv.Answer, error) {
	text, err := json.Marshal(result)
	return hyperv.Answer{Request: request, Outcome: o, Result: text, HostTime: time.Now().UTC()}, err
}

func (r chaosHost) refusal(function, request string, err error, acted bool) error {
	var no *hypervisor.Refusal
	if !errors.As(err, &no) {
		return err
	}
	return &hyperv.ScriptError{Host: r.h.Name(), Function: function, Request: request, ID: no.Kind + ",Microsoft.HyperV.PowerShell.Commands.Chaos",
		Category: no.Category, Message: no.Message, Acted: acted}
}

// mutex is the VM's named mutex on this host.
func (r chaosHost) mutex(vm string) *sync.Mutex {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	key := vm + "@" + r.h.Name()
	if r.c.mutexes[key] == nil {
		r.c.mutexes[key] = &sync.Mutex{}
	}
	return r.c.mutexes[key]
}

// guarded compares and acts once, as the pump does.
func (r chaosHost) guarded(call hyperv.Call, request string, args chaosArgs) (hyperv.Answer, error) {
	m := r.mutex(args.VM)
	m.Lock()
	defer m.Unlock()
	now, ok := r.h.VM(args.VM)
	view := map[string]string{"power": now.Power, "mode": now.Mode, "state": now.State}
	if !ok {
		return hyperv.Answer{}, r.refusal(call.Function, request, &hypervisor.Refusal{Kind: "ObjectNotFound", Category: "ObjectNotFound"}, false)
	}
	for key, want := range call.Guard.Expect {
		if view[key] != want {
			r.c.tally.moved.Add(1)
			return r.answer(request, hyperv.OutcomeMoved, view)
		}
	}
	act, by := chaosActs[call.Function], hypervisor.Caller{By: request}
	before := r.held(args.VM)
	leave, err := r.c.farm.Enter(context.Background(), r.h.Name(), act.cmdlet, args.VM, by, true)
	if err != nil {
		return hyperv.Answer{}, r.refusal(call.Function, request, err, true)
	}
	err = act.do(r.h, by, args)
	leave(err)
	if err != nil {
		return hyperv.Answer{}, r.refusal(call.Function, request, err, true)
	}
	if r.c.sabotage != nil && !r.c.sabotaged.Load() {
		r.c.sabotaged.Store(r.c.sabotage(r, call.Function, by, args))
	}
	if call.Function == "Start-LifeboatFailover" {
		r.c.landed(chaosLanding{Landing: truth.Landing{VM: args.VM, Held: r.held(args.VM)}, point: args.Point, before: before})
	}
	result := chaosView(r.h, args.VM)
	if act.more != nil {
		act.more(r.h, args, result)
	}
	return r.answer(request, hyperv.OutcomeDone, result)
}

func chaosView(h *hypervisor.Host, id string) map[string]any {
	vm, _ := h.VM(id)
	return map[string]any{"power": vm.Power, "mode": vm.Mode, "state": vm.State}
}

// act is a guarded call with what may befall it on its way.
func (r chaosHost) act(call hyperv.Call, request string, args chaosArgs) (hyperv.Answer, error) {
	if !r.reachable() {
		return hyperv.Answer{}, r.unsent()
	}
	vm, verb := r.owner(args.VM), chaosActs[call.Function].called
	if !r.c.goesWrong(vm, r.c.odds) {
		return r.guarded(call, request, args)
	}
	t := chaosTroubles[r.c.throw(vm, len(chaosTroubles))]
	r.c.note("%s at %s of %s@%s", t.name, verb, vm[:8], r.h.Name())
	r.c.tally.faultAt(t.name, verb)
	return t.happens(r, call, request, args)
}

// owner is the VM whose dice and whose engine an act is about: a test copy has a
// GUID of its own.
func (r chaosHost) owner(id string) string {
	if vm, ok := r.h.VM(id); ok && vm.TestOf != "" {
		return vm.TestOf
	}
	return id
}

// held is how many writes a copy has.
func (r chaosHost) held(id string) uint64 {
	for _, c := range r.c.farm.State().Copies {
		if c.VM == id && c.Host == r.h.Name() {
			return c.Writes.Held
		}
	}
	return 0
}
