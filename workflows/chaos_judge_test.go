package workflows

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

// chaosSabotage is something that hosts or the engine must never do; false when
// it does not fit this act.
type chaosSabotage func(r chaosHost, function string, by hypervisor.Caller, args chaosArgs) bool

// The judge must be able to say no: what must never be is done on purpose, and
// it is seen within a few stories.
func TestChaosSeesWhatMustNeverBe(t *testing.T) {
	for _, c := range []struct {
		name, want string
		sabotage   chaosSabotage
	}{
		{"a request acts twice", "I8:", func(r chaosHost, function string, by hypervisor.Caller, args chaosArgs) bool {
			if function != "Start-LifeboatCopy" {
				return false
			}
			return r.sabotage(by, "Start-VM", args.VM, r.h.StartVM)
		}},
		{"the source is freed and started beside the target", "I1:", func(r chaosHost, function string, _ hypervisor.Caller, args chaosArgs) bool {
			for _, other := range r.c.farm.Hosts() {
				if vm, ok := other.VM(args.VM); ok && other != r.h && function == "Start-LifeboatCopy" && vm.State == "PreparedForFailover" {
					by := hypervisor.Caller{By: "control"}
					return other.StopFailover(t.Context(), by, args.VM) == nil && other.StartVM(t.Context(), by, args.VM) == nil
				}
			}
			return false
		}},
		{"a running target is taken back unasked", "I2:", func(r chaosHost, function string, _ hypervisor.Caller, args chaosArgs) bool {
			if vm, ok := r.h.VM(args.VM); !ok || function != "Start-LifeboatCopy" || vm.Mode != "Replica" {
				return false
			}
			return r.sabotage(hypervisor.Caller{By: "somebody"}, "Stop-VMFailover", args.VM, r.h.StopFailover)
		}},
		{"the old copy is started beside the good one", "I1:", func(r chaosHost, function string, by hypervisor.Caller, args chaosArgs) bool {
			if function != "Set-LifeboatStartAction" || args.Action != "Nothing" || !r.c.takenOver(args.VM, r.h.Name()) {
				return false
			}
			return r.sabotage(by, "Start-VM", args.VM, r.h.StartVM)
		}},
		{"an old copy that was seen is left to start with its host", "I1:", func(r chaosHost, function string, _ hypervisor.Caller, args chaosArgs) bool {
			other := r.other(args.VM)
			if vm, _ := other.VM(args.VM); function != "Start-LifeboatCopy" || vm.AutoStart != "Nothing" || vm.Mode != "Primary" {
				return false
			}
			r.c.farm.Crash(other.Name(), "fault")
			_ = other.SetAutoStart(t.Context(), hypervisor.Caller{By: "fault"}, args.VM, "Start")
			r.c.farm.PowerOn(other.Name(), "fault")
			return other.SetAutoStart(t.Context(), hypervisor.Caller{By: "fault"}, args.VM, "Start") == nil
		}},
		{"an unplanned failover gives an older point", "I3:", func(r chaosHost, function string, _ hypervisor.Caller, args chaosArgs) bool {
			vm, _ := r.h.VM(args.VM)
			if function != "Start-LifeboatFailover" || len(vm.Points) == 0 || args.Point == vm.Points[0].ID {
				return false
			}
			by := hypervisor.Caller{By: "fault"}
			_, err := r.h.StartFailover(t.Context(), by, args.VM, hypervisor.Failover{Point: vm.Points[0].ID})
			if err == nil || r.h.StopFailover(t.Context(), by, args.VM) != nil {
				return false
			}
			_, err = r.h.StartFailover(t.Context(), by, args.VM, hypervisor.Failover{Point: vm.Points[0].ID})
			return err == nil
		}},
		{"a test copy comes after its drill", "I6:", func(r chaosHost, function string, by hypervisor.Caller, args chaosArgs) bool {
			if function != "Stop-LifeboatTest" {
				return false
			}
			// So many calls that it comes due when the run has ended.
			r.c.wait(&due{calls: 1 << 20, do: func() {
				_, _ = r.h.StartFailover(t.Context(), by, args.VM, hypervisor.Failover{AsTest: true})
			}})
			return true
		}},
		{"a drill pauses replication", "I6:", func(r chaosHost, function string, by hypervisor.Caller, args chaosArgs) bool {
			return function == "Start-LifeboatTest" && r.h.SuspendReplication(t.Context(), by, args.VM) == nil
		}},
		{"a drill stops production", "I6:", func(r chaosHost, function string, by hypervisor.Caller, args chaosArgs) bool {
			if function != "Start-LifeboatTest" {
				return false
			}
			return r.other(args.VM).StopVM(t.Context(), by, args.VM, hypervisor.StopHow{TurnOff: true}) == nil
		}},
		{"the only copy becomes a replica", "I7:", func(r chaosHost, function string, by hypervisor.Caller, args chaosArgs) bool {
			return function == "Start-LifeboatPrepare" && r.h.SetAsReplica(t.Context(), by, args.VM, "") == nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			first, seen := uint64(time.Now().UnixNano()), ""
			manyChaos(func(n uint64) bool { return n < 60 && seen == "" }, func(n uint64) ([]string, []string, uint64) {
				broken, told := playChaos(t, first+n, newChaosTally(), c.sabotage)
				return broken, told, first + n
			}, func(broken, _ []string, _ uint64) {
				if i := slices.IndexFunc(broken, func(b string) bool { return strings.HasPrefix(b, c.want) }); i >= 0 {
					seen = broken[i]
				}
			})
			if seen == "" {
				t.Errorf("60 stories, seeds from %d, and no %s: the judge is blind", first, c.want)
			}
			t.Log(seen)
		})
	}
}

// other is the host of a VM's other copy.
func (r chaosHost) other(id string) *hypervisor.Host {
	for _, h := range r.c.farm.Hosts() {
		if _, ok := h.VM(id); ok && h != r.h {
			return h
		}
	}
	return r.h
}

// sabotage does a cmdlet in somebody's name, as the ledger has it.
func (r chaosHost) sabotage(by hypervisor.Caller, cmdlet, vm string, do func(context.Context, hypervisor.Caller, string) error) bool {
	leave, err := r.c.farm.Enter(context.Background(), r.h.Name(), cmdlet, vm, by, true)
	if err != nil {
		return false
	}
	err = do(context.Background(), by, vm)
	leave(err)
	return err == nil
}
