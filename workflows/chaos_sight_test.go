package workflows

import (
	"context"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

// What the engine was told of old copies decides whether it may go by a person's
// word that a site is dark.

// chaosSight is whether the copy of a VM at a run's From was able to run.
type chaosSight struct {
	vm   string
	seq  uint64
	open bool
}

// chaosLook is what one look of a VM's operation was answered of the old copy.
type chaosLook struct{ sights []chaosSight }

type chaosLookKey struct{}

func (c *chaosFarm) sees(ctx context.Context, h *hypervisor.Host, id string) {
	look, ok := ctx.Value(chaosLookKey{}).(*chaosLook)
	vm, there := h.VM(id)
	if !ok || !there || h.Site() != c.from {
		return
	}
	open := vm.Mode == "Primary" && vm.State != "PreparedForFailover" && (vm.Power != "Off" || vm.AutoStart != "Nothing")
	seq := c.farm.State().Seq
	c.mu.Lock()
	defer c.mu.Unlock()
	look.sights = append(look.sights, chaosSight{id, seq, open})
}

// tell keeps what a look was answered; the look of somebody else than the VM's
// own operation counts from when its journal has it.
func (c *chaosFarm) tell(look *chaosLook, seq uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, sight := range look.sights {
		sight.seq = max(seq, sight.seq)
		c.told = append(c.told, sight)
	}
}

// knew is true when the last that a VM's operation was told between two moments
// is that the old copy can run: by its own looks, or by what the watch on the
// site had seen when the operation last asked the journal.
func (c *chaosFarm) knew(vm string, from, to uint64) (knew bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var last uint64
	for _, asked := range c.recalls[vm] {
		if asked <= to {
			last = max(last, asked)
		}
	}
	if last > 0 {
		to = last
	}
	for _, sight := range c.told {
		if sight.vm == vm && sight.seq > from && sight.seq <= to {
			knew = sight.open
		}
	}
	return knew
}
