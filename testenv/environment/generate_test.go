package environment

import (
	"strings"
	"testing"
	"time"
)

func TestGenerate(t *testing.T) {
	for name, want := range map[string]map[time.Duration]int{
		"generate:6":       {30 * time.Second: 2, 5 * time.Minute: 2, 15 * time.Minute: 2},
		"generate:6,2":     {30 * time.Second: 2, 5 * time.Minute: 2, 15 * time.Minute: 2},
		"generate:6,2,30s": {30 * time.Second: 6},
		"generate:6,,15m":  {15 * time.Minute: 6},
	} {
		got := map[time.Duration]int{}
		for _, vm := range load(t, name).VMs {
			got[vm.Replicate.Frequency]++
		}
		for f, n := range want {
			if got[f] != n || len(got) != len(want) {
				t.Errorf("%s: VMs by frequency are %v, want %v", name, got, want)
			}
		}
	}
	for _, wrong := range []string{"generate:", "generate:0", "generate:6,501", "generate:6,2,1m", "generate:6,2,often", "generate:6,2,30s,x"} {
		if _, err := Load(wrong); err == nil || !strings.Contains(err.Error(), "generate:VMS,HOSTPAIRS,FREQUENCY") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
