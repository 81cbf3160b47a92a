package hyperv

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const storesAnswer = `{"utc":"2026-03-01T02:03:04.0000000Z","certificates":[{"thumbprint":"AB","notAfter":"2027-03-14T00:00:00.0000000Z"}],
"volumes":[{"name":"D:\\","size":100,"free":40}],"storages":["D:\\Replica"],"vms":[%s],"problems":[],"encrypted":[{"name":"D:","system":false,"locked":false,"autoUnlock":true,"protectors":["ExternalKey"]}],
"keys":{"vms":[{"vm":"` + vmB + `","tpm":true,"other":false,"guardians":["CD"],"problems":[]}],"local":["CD"],"server":"","guarded":false,"attestation":"","problems":[]}}`

func TestStoresAreReadInOneCall(t *testing.T) {
	vm := fmt.Sprintf(`{"vm":%q,"disks":[{"path":"D:\\a.vhdx","replicated":true},{"path":"D:\\b.vhdx","replicated":false}],"problems":[]}`, strings.ToUpper(vmA))
	s := &scripted{answer: Answer{Outcome: OutcomeDone, Result: fmt.Appendf(nil, storesAnswer, vm)}}
	stores, err := New(s).Stores(t.Context())
	require.NoError(t, err)
	require.Equal(t, Watch, s.call.Lane)
	require.Nil(t, s.call.Guard)
	require.Equal(t, vmA, stores.VMs[0].VM)
	require.False(t, stores.VMs[0].Disks[1].Replicated)
	require.Equal(t, []string{"CD"}, stores.Keys.VMs[0].Guardians)
	require.True(t, stores.Encrypted[0].AutoUnlock)
	require.Equal(t, time.Date(2027, 3, 14, 0, 0, 0, 0, time.UTC), stores.Certificates[0].NotAfter)
}

func TestAnOddAnswerAboutStoresIsNotBelieved(t *testing.T) {
	whole := fmt.Sprintf(storesAnswer, "")
	for name, text := range map[string]string{
		"no time":            strings.Replace(whole, `"2026-03-01T02:03:04.0000000Z"`, `"0001-01-01T00:00:00Z"`, 1),
		"no list":            strings.Replace(whole, `"vms":[],"problems":[]`, `"vms":[],"problems":null`, 1),
		"keys are no list":   strings.Replace(whole, `"local":["CD"]`, `"local":null`, 1),
		"a key of no VM":     strings.Replace(whole, vmB, "x", 1),
		"no protectors":      strings.Replace(whole, `["ExternalKey"]`, `null`, 1),
		"no thumbprint":      strings.Replace(whole, `"AB"`, `""`, 1),
		"more free than all": strings.Replace(whole, `"free":40`, `"free":140`, 1),
		"no volume's name":   strings.Replace(whole, `"D:\\"`, `""`, 1),
		"a VM that is none":  fmt.Sprintf(storesAnswer, `{"vm":"x","disks":[],"problems":[]}`),
		"disks are no list":  fmt.Sprintf(storesAnswer, fmt.Sprintf(`{"vm":%q,"disks":null,"problems":[]}`, vmA)),
		"a VM twice":         fmt.Sprintf(storesAnswer, fmt.Sprintf(`{"vm":%[1]q,"disks":[],"problems":[]},{"vm":%[1]q,"disks":[],"problems":[]}`, vmA)),
		"a new member":       strings.Replace(whole, `"utc"`, `"more":1,"utc"`, 1),
	} {
		_, err := decodeStores([]byte(text))
		require.Error(t, err, name)
	}
	_, err := decodeStores([]byte(whole))
	require.NoError(t, err)
}

func FuzzDecodeStores(f *testing.F) {
	f.Add(fmt.Appendf(nil, storesAnswer, ""))
	f.Add(fmt.Appendf(nil, storesAnswer, fmt.Sprintf(`{"vm":%q,"disks":[{"path":"x","replicated":true}],"problems":[]}`, vmA)))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decodeStores(data)
		if err != nil {
			return
		}
		if s.UTC.IsZero() || s.Keys.Local == nil || s.Encrypted == nil {
			t.Fatalf("believed: %+v", s)
		}
		for _, vm := range s.Keys.VMs {
			if !guidForm.MatchString(vm.VM) || vm.Guardians == nil {
				t.Fatalf("believed: %+v", vm)
			}
		}
	})
}
