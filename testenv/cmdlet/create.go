package cmdlet

import (
	"strconv"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

// newVM is New-VM with a new disk.
func newVM(k *call) error {
	if !k.has("NewVHDPath") {
		return notSimulated("New-VM without -NewVHDPath")
	}
	return k.guarded("", func() error {
		memory, _ := strconv.ParseInt(k.text("MemoryStartupBytes"), 10, 64)
		size, _ := strconv.ParseUint(k.text("NewVHDSizeBytes"), 10, 64)
		how := hypervisor.NewVM{Name: k.text("Name"), Memory: memory, Generation: 1, DiskPath: k.text("NewVHDPath"), DiskBytes: size}
		if k.has("Generation") {
			how.Generation = k.number("Generation")
		}
		id, err := k.host.CreateVM(k.ctx, k.by, how)
		if err != nil {
			return err
		}
		made, ok := k.host.VM(id)
		if !ok {
			return unknownVM("ID", id)
		}
		return k.giveMachine(made)
	})
}
