package workflows

import (
	"context"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

// chaosTroubles are what may befall a changing call on its way.
var chaosTroubles = []struct {
	name    string
	happens func(r chaosHost, call hyperv.Call, request string, args chaosArgs) (hyperv.Answer, error)
}{
	{"not sent", func(r chaosHost, _ hyperv.Call, _ string, _ chaosArgs) (hyperv.Answer, error) {
		return hyperv.Answer{}, r.unsent()
	}},
	{"answer lost, not done", func(r chaosHost, _ hyperv.Call, request string, _ chaosArgs) (hyperv.Answer, error) {
		return hyperv.Answer{}, r.unanswered(request)
	}},
	{"answer lost, done", func(r chaosHost, call hyperv.Call, request string, args chaosArgs) (hyperv.Answer, error) {
		_, _ = r.guarded(call, request, args)
		return hyperv.Answer{}, r.unanswered(request)
	}},
	{"answer lost, acts late", func(r chaosHost, call hyperv.Call, request string, args chaosArgs) (hyperv.Answer, error) {
		r.actsLate(call, request, args)
		return hyperv.Answer{}, r.unanswered(request)
	}},
	{"refused", func(r chaosHost, call hyperv.Call, request string, _ chaosArgs) (hyperv.Answer, error) {
		no := &hypervisor.Refusal{Kind: "OperationFailed", Category: "NotSpecified", Message: "refused by an injected fault"}
		return hyperv.Answer{}, r.refusal(call.Function, request, no, true)
	}},
	{"refused, done all the same", func(r chaosHost, call hyperv.Call, request string, args chaosArgs) (hyperv.Answer, error) {
		_, _ = r.guarded(call, request, args)
		no := &hypervisor.Refusal{Kind: "OperationTimeout", Category: "OperationTimeout", Message: "gave up waiting"}
		return hyperv.Answer{}, r.refusal(call.Function, request, no, true)
	}},
	{"busy", func(r chaosHost, call hyperv.Call, request string, _ chaosArgs) (hyperv.Answer, error) {
		no := &hypervisor.Refusal{Kind: "ObjectInUse", Category: "ResourceBusy", Message: "in use by another operation"}
		return hyperv.Answer{}, r.refusal(call.Function, request, no, true)
	}},
	{"engine killed before", func(r chaosHost, call hyperv.Call, request string, args chaosArgs) (hyperv.Answer, error) {
		r.c.kill(r.owner(args.VM), "before", chaosActs[call.Function].called)
		return hyperv.Answer{}, r.unanswered(request)
	}},
	{"engine killed during", func(r chaosHost, call hyperv.Call, request string, args chaosArgs) (hyperv.Answer, error) {
		r.c.kill(r.owner(args.VM), "during", chaosActs[call.Function].called)
		r.actsLate(call, request, args)
		return hyperv.Answer{}, r.unanswered(request)
	}},
	{"engine killed after", func(r chaosHost, call hyperv.Call, request string, args chaosArgs) (hyperv.Answer, error) {
		r.c.kill(r.owner(args.VM), "after", chaosActs[call.Function].called)
		return r.guarded(call, request, args)
	}},
	{"a colleague acts first", func(r chaosHost, call hyperv.Call, request string, args chaosArgs) (hyperv.Answer, error) {
		r.colleague(args.VM)
		return r.guarded(call, request, args)
	}},
	{"host crash before", func(r chaosHost, call hyperv.Call, request string, args chaosArgs) (hyperv.Answer, error) {
		r.crash(args.VM)
		return hyperv.Answer{}, r.unanswered(request)
	}},
	{"host crash after", func(r chaosHost, call hyperv.Call, request string, args chaosArgs) (hyperv.Answer, error) {
		_, _ = r.guarded(call, request, args)
		r.crash(args.VM)
		return hyperv.Answer{}, r.unanswered(request)
	}},
	{"replication loses track", func(r chaosHost, call hyperv.Call, request string, args chaosArgs) (hyperv.Answer, error) {
		r.c.wait(&due{calls: 1 + r.c.throw(args.VM, 40), do: func() {
			for _, h := range r.c.farm.Hosts() {
				if vm, _ := h.VM(args.VM); vm.State == "Replicating" {
					_ = h.LoseTracking(context.Background(), hypervisor.Caller{By: "fault"}, args.VM)
				}
			}
		}})
		return r.guarded(call, request, args)
	}},
	{"guest hangs", func(r chaosHost, call hyperv.Call, request string, args chaosArgs) (hyperv.Answer, error) {
		id, err := r.c.farm.AddFault(hypervisor.Fault{Kind: "guest-hang", VM: args.VM})
		if err != nil {
			return hyperv.Answer{}, err
		}
		r.c.wait(&due{calls: 10 + r.c.throw(args.VM, 40), do: func() { r.c.farm.RemoveFault(id) }})
		return r.guarded(call, request, args)
	}},
}

// actsLate leaves the request to its host, which gets to it some calls later,
// or finds its deadline past and does nothing.
func (r chaosHost) actsLate(call hyperv.Call, request string, args chaosArgs) {
	if r.c.throw(args.VM, 4) == 0 {
		return // expired
	}
	r.c.wait(&due{calls: 1 + r.c.throw(args.VM, 12), late: true, do: func() { _, _ = r.guarded(call, request, args) }})
}

func (r chaosHost) crash(vm string) {
	r.c.farm.Crash(r.h.Name(), "fault")
	r.c.wait(&due{calls: 5 + r.c.throw(vm, 40), calm: true, do: func() { r.c.farm.PowerOn(r.h.Name(), "fault") }})
}

// colleague does something in Hyper-V Manager, never to a copy that is failed
// over, nor to the old one beside it: what he does there is his to answer for.
func (r chaosHost) colleague(id string) {
	vm, ok := r.h.VM(id)
	if !ok || vm.Mode != "Primary" || r.c.takenOver(id, r.h.Name()) {
		return
	}
	by, ctx := hypervisor.Caller{By: "control"}, context.Background()
	switch r.c.throw(id, 4) {
	case 0:
		_ = r.h.SuspendReplication(ctx, by, id)
	case 1:
		_ = r.h.StopVM(ctx, by, id, hypervisor.StopHow{Force: true})
	case 2:
		_ = r.h.StartVM(ctx, by, id)
	case 3:
		_ = r.h.StopVM(ctx, by, id, hypervisor.StopHow{Save: true})
	}
}
