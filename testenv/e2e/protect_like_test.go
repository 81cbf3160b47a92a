package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// newOffice is northgate with a VM that nobody protects yet, and room for all but
// 2 GB of it at the warehouse; and a VM of the name of another.
func newOffice(t *testing.T) *audience {
	t.Helper()
	text, err := os.ReadFile("../environment/northgate.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const before = "  - {name: NG-BKP01,"
	const fresh = "  - {name: NG-APP02, host: NG-HV01, memory_gb: 16, disks_gb: [140], network: office, ip: 10.10.10.33, boot: 60s, shutdown: 30s}\n" +
		"  - {name: TWIN, id: 22222222-0000-4000-8000-000000000001, host: NG-HV01, memory_gb: 1, disks_gb: [10], network: office, ip: 10.10.10.81}\n" +
		"  - {name: TWIN, id: 22222222-0000-4000-8000-000000000002, host: NG-HV01, memory_gb: 1, disks_gb: [10], network: office, ip: 10.10.10.82}\n"
	changed := strings.Replace(string(text), before, fresh+before, 1)
	if changed == string(text) {
		t.Fatalf("northgate has no %q", before)
	}
	name := filepath.Join(t.TempDir(), "office.yaml")
	if err := os.WriteFile(name, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	return newAudience(t, name)
}

// texts are the files of the configuration as they stand.
func (w *world) texts() map[string]string {
	w.t.Helper()
	out := map[string]string{}
	for _, name := range []string{"lifeboat.yaml", "plans.yaml"} {
		text, err := os.ReadFile(filepath.Join(w.site(), name))
		if err != nil {
			w.t.Fatal(err)
		}
		out[name] = string(text)
	}
	return out
}

// As typed: said before, written into the group and the stage of the other, begun,
// protected, told, seen by the engine without a restart; the same again does nothing.
func TestProtectAVMLikeAnother(t *testing.T) {
	w := newOffice(t)
	before := w.texts()
	r := w.must(0, "protect", "NG-APP02", "--to", "warehouse", "--like", "NG-ERP01", "--dry-run")
	for _, words := range []string{
		"replicate 1 of 1 disks (140 GB) to NG-HV02, every 5m, 2 extra points", "send the first copy over the network now",
		"map vSwitch-HQ -> vSwitch-WH, failover IP 10.20.10.33", "add to plan northgate-site-loss, stage applications, after NG-SQL01",
		"version ok", "space ok (", "no checkpoints", "memory 2 GB OVER", "with NG-APP02 (16 GB) it is 2 GB short", "NG-PRN01 (4 GB)",
		"nics: [{network: office, ip: 10.10.10.33}]", "Dry run: nothing was changed.",
	} {
		if !r.says(words) {
			t.Errorf("the dry run does not say %q:\n%s", words, r.out)
		}
	}
	var look struct {
		Checks []string `json:"checks"`
		Adds   []struct {
			After int `json:"after"`
		} `json:"adds"`
	}
	if err := json.Unmarshal([]byte(w.must(0, "protect", "NG-APP02", "--like", "NG-ERP01", "--dry-run", "--output", "json").out), &look); err != nil || len(look.Checks) != 4 || len(look.Adds) != 2 {
		t.Errorf("as JSON it is %+v, %v", look, err)
	}
	w.must(4, "protect", "NG-APP02", "--like", "NG-ERP01") // nobody types the name
	w.must(3, "protect", "NG-APP02", "--like", "NG-ERP01", "--yes")
	if after := w.texts(); after["lifeboat.yaml"] != before["lifeboat.yaml"] || after["plans.yaml"] != before["plans.yaml"] {
		t.Fatal("without an engine, or a word, something was written")
	}
	w.nothingChanged()
	w.up()
	if r = w.must(0, "protect", "NG-APP02", "--to", "warehouse", "--like", "NG-ERP01", "--yes", "--detach"); !r.says("NG-APP02 is NOT PROTECTED YET. First copy 0 %. I will tell you when it is.") {
		t.Errorf("it does not say that it is not protected:\n%s", r.out)
	}
	if s := w.awaitEnd("protection-NG-APP02"); s.Verdict != "done" {
		t.Errorf("it ended %s: %+v", s.Verdict, s.VMs)
	}
	w.is("NG-APP02", "NG-HV01", "Primary", "Replicating")
	w.is("NG-APP02", "NG-HV02", "Replica", "Replicating")
	after := w.texts()
	if got := strings.Replace(after["plans.yaml"], "          - vm: NG-APP02\n            after: [NG-SQL01]\n            gates: [{heartbeat: {}}]\n            rto: 1h15m\n", "", 1); got != before["plans.yaml"] {
		t.Errorf("the plan is now\n%s", after["plans.yaml"])
	}
	w.until("the engine's status has the VM", func() error {
		if r := w.lifeboat("status", "--all"); !r.says("NG-APP02 replicating") {
			return errNotYet
		}
		return nil
	})
	w.until("people are told", func() error {
		for _, m := range w.heard() {
			if m.Kind == "notice" && strings.Contains(m.Subject, "NG-APP02 is protected: runs at NG-HV01 and replicates to NG-HV02") {
				return nil
			}
		}
		return errNotYet
	})
	requests := len(w.requests())
	if r = w.must(0, "protect", "NG-APP02", "--to", "warehouse", "--like", "NG-ERP01", "--yes"); !r.says("nothing is written") {
		t.Errorf("the same again says\n%s", r.out)
	}
	if got := w.texts(); got["lifeboat.yaml"] != after["lifeboat.yaml"] || len(w.requests()) != requests {
		t.Error("the same again did something")
	}
}

// What cannot be protected as another is refused, with what to do.
func TestWhatIsNotProtectedLikeAnother(t *testing.T) {
	w := newOffice(t)
	before := w.texts()
	for _, c := range []struct {
		code  int
		args  []string
		words string
	}{
		{4, []string{"NG-DC02", "--like", "NG-ERP01"}, "NG-DC02 stands at NG-HV02, and NG-ERP01 replicates from NG-HV01"},
		{4, []string{"NG-FS01", "--like", "NG-ERP01"}, "the configuration has NG-FS01 in group ng-hv01-5m-4-rpo-15m already"},
		{4, []string{"NOBODY", "--like", "NG-ERP01"}, `no host of the configuration has a VM "NOBODY"`},
		{4, []string{"TWIN", "--like", "NG-ERP01"}, "2 VMs called TWIN: 22222222-0000-4000-8000-000000000001 (Running), 22222222-0000-4000-8000-000000000002 (Running)"},
		{2, []string{"NG-APP02", "--like", "NG-ERP01", "--to", "hq"}, "NG-ERP01 replicates to warehouse"},
		{2, []string{"NG-APP02", "--like", "NOBODY"}, "no VM of the configuration is called that"},
		{2, []string{"NG-APP02", "--like", "NG-ERP01", "--failover-ip", "10.20.10.40"}, "which is 10.20.10.33 at warehouse"},
		{2, []string{"NG-APP02", "--failover-ip", "10.20.10.40"}, "goes with --like"},
	} {
		r := w.must(c.code, append(append([]string{"protect"}, c.args...), "--yes")...)
		if !r.says(c.words) {
			t.Errorf("%v does not say %q:\n%s%s", c.args, c.words, r.out, r.err)
		}
	}
	if r := w.must(0, "protect", "22222222-0000-4000-8000-000000000002", "--like", "NG-LNX01", "--seed", `usb:E:\`, "--dry-run"); !r.says(`write the first copy to E:\ at NG-HV01`) || !r.says("failover IP 10.20.10.82") {
		t.Errorf("the one that its GUID names:\n%s", r.out)
	}
	// Where both plans of a folder use one list, a person must write.
	plans := filepath.Join(w.site(), "plans.yaml")
	text := strings.Replace(before["plans.yaml"], "        stage: applications\n        vms:\n", "        stage: applications\n        vms: &apps\n", 1)
	text += "  - name: again\n    from: hq\n    to: warehouse\n    steps: [{stage: data, vms: [{vm: NG-SQL01}]}, {stage: apps, vms: *apps}]\n"
	if err := os.WriteFile(plans, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := w.must(4, "protect", "NG-APP02", "--like", "NG-ERP01", "--yes"); !r.says("it cannot be written by itself") || !r.says("vm: NG-APP02") {
		t.Errorf("it says\n%s%s", r.out, r.err)
	}
	if got := w.texts(); got["lifeboat.yaml"] != before["lifeboat.yaml"] || got["plans.yaml"] != text {
		t.Error("something was written")
	}
	w.nothingChanged()
}
