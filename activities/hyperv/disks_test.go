package hyperv

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func disksJSON(vm, disks string) []byte {
	return fmt.Appendf(nil, `{"vm":%q,"disks":[%s]}`, vm, disks)
}

const (
	someDisk   = `{"path":"D:\\a.vhdx","size":150323855360,"used":4194304,"problem":""}`
	silentDisk = `{"path":"Disk 2","size":null,"used":null,"problem":"Get-VHD: ObjectNotFound"}`
)

func TestDisksHaveASizeOrAReasonWhyNot(t *testing.T) {
	ask := func(answer []byte) ([]Disk, error) {
		return New(&scripted{answer: Answer{Outcome: OutcomeDone, Result: answer}}).Disks(t.Context(), vmA)
	}
	disks, err := ask(disksJSON(vmA, someDisk+","+silentDisk))
	require.NoError(t, err)
	require.Equal(t, uint64(150323855360), *disks[0].Size)
	require.Nil(t, disks[1].Size)
	for name, bad := range map[string][]byte{
		"another VM": disksJSON(vmB, ""), "no list": []byte(`{"vm":"` + vmA + `","disks":null}`),
		"no size and no reason": disksJSON(vmA, `{"path":"D:\\a.vhdx","size":null,"used":1,"problem":""}`),
		"a size and a reason":   disksJSON(vmA, `{"path":"D:\\a.vhdx","size":1,"used":1,"problem":"x"}`),
	} {
		_, err := ask(bad)
		require.Error(t, err, name)
	}
}

func FuzzDecodeDisks(f *testing.F) {
	f.Add(disksJSON(vmA, someDisk))
	f.Add(disksJSON(vmA, silentDisk))
	f.Fuzz(func(t *testing.T, data []byte) {
		disks, err := decodeDisks(data, vmA)
		for _, d := range disks {
			if err == nil && d.Problem == "" && (d.Size == nil || d.Used == nil) {
				t.Fatalf("believed: %+v", d)
			}
		}
	})
}
