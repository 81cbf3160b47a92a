package hypervisor

import (
	"fmt"
	"testing"
)

// A host sends few VMs at once: the others wait for their turn, and each gets
// it, the last of the host like the first.
func TestEveryVMGetsItsTurnToSend(t *testing.T) {
	f := newFarm(t, "brightwater", Dialect{})
	count := func() (least, most uint32, words string) {
		least = 1 << 30
		for _, vm := range f.Host("LDS-CL1").VMs() {
			for _, r := range vm.Relations {
				if r.FrequencySec == 30 && r.Mode == modePrimary {
					least, most = min(least, r.Succeeded), max(most, r.Succeeded)
					words += fmt.Sprintf("%s %d/%d ", vm.Name, r.Succeeded, r.Missed)
				}
			}
		}
		return least, most, words
	}
	var least, most uint32
	var words string
	eventually(t, "cycles pass", func() bool {
		least, most, words = count()
		return most >= 12
	})
	if least < most*2/3 {
		t.Errorf("sent and missed: %s", words)
	}
}
