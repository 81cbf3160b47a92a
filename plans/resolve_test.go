package plans

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestAnAddressMovesWithItsHostPart(t *testing.T) {
	for _, row := range []struct{ ip, from, to, want string }{
		{"10.10.10.20", "10.10.10.0/24", "10.20.10.0/24", "10.20.10.20"},
		{"10.10.10.20", "10.10.0.0/16", "192.168.0.0/16", "192.168.10.20"},
		{"10.10.10.77", "10.10.10.64/26", "10.20.10.128/26", "10.20.10.141"},
		{"10.10.11.200", "10.10.10.0/23", "172.16.4.0/23", "172.16.5.200"},
		{"10.10.10.20", "10.10.10.0/24", "10.20.10.9/24", "10.20.10.20"},
		{"fd00:1::20", "fd00:1::/64", "fd00:2::/64", "fd00:2::20"},
		{"10.10.10.20", "10.10.10.0/24", "10.20.10.0/25", "10.10.10.20"}, // other size: stays
		{"10.10.10.20", "", "10.20.10.0/24", "10.10.10.20"},
		{"10.10.10.20", "10.10.10.0/24", "fd00:2::/24", "10.10.10.20"},
		{"name", "10.10.10.0/24", "10.20.10.0/24", "name"},
		{"10.1.2.3", "0.0.0.0/0", "0.0.0.0/0", "10.1.2.3"},
	} {
		if got := moveIP(row.ip, row.from, row.to); got != row.want {
			t.Errorf("%s from %s to %s is %s, want %s", row.ip, row.from, row.to, got, row.want)
		}
	}
}

func TestMasksAreAsHyperVTakesThem(t *testing.T) {
	for subnet, want := range map[string]string{
		"10.0.0.0/24": "255.255.255.0", "10.0.0.0/23": "255.255.254.0", "10.0.0.0/8": "255.0.0.0", "10.0.0.0/32": "255.255.255.255",
		"0.0.0.0/0": "0.0.0.0", "fd00::/64": "64", "": "", "x": "",
	} {
		if got := maskOf(subnet); got != want {
			t.Errorf("the mask of %q is %q, want %q", subnet, got, want)
		}
	}
}

func resolved(t *testing.T, name string, r Request) RunInput {
	t.Helper()
	cfg := good(t, name)
	r.Operation = orOperation(r.Operation)
	in, err := Resolve(cfg, &cfg.Plans[0], r)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func orOperation(op Operation) Operation {
	if op == "" {
		return PlannedFailover
	}
	return op
}

func TestTwoVMsOfOneNameAreToldApartByGUID(t *testing.T) {
	in := resolved(t, "names.yaml", Request{})
	var labels []string
	for _, vm := range in.VMs() {
		labels = append(labels, vm.Label)
		if vm.Name == "twin" && strings.HasSuffix(vm.ID, "3") && (len(vm.After) != 1 || !strings.HasSuffix(vm.After[0], "2")) {
			t.Errorf("the second twin comes after %v", vm.After)
		}
	}
	want := []string{"O'Brien $(Stop-VM *) `n [x] 🛶", "twin (22222222)", "twin (22222222)"}
	if len(labels) != 3 || labels[0] != want[0] {
		t.Errorf("the labels are %q", labels)
	}
	if labels[1] == labels[2] {
		t.Errorf("two VMs bear the label %q", labels[1])
	}
}

func TestPoliciesSayWhoMoves(t *testing.T) {
	if in := resolved(t, "names.yaml", Request{}); len(in.LeftOut) != 2 {
		t.Errorf("left out: %+v", in.LeftOut)
	}
	in := resolved(t, "names.yaml", Request{VMs: []string{"two\nlines"}})
	if len(in.LeftOut) != 1 || in.LeftOut[0].VM != "007" {
		t.Errorf("with the manual one named, left out: %+v", in.LeftOut)
	}
	cfg := good(t, "names.yaml")
	if _, err := Resolve(cfg, &cfg.Plans[0], Request{Operation: PlannedFailover, VMs: []string{"nobody"}}); err == nil {
		t.Error("--vm of a VM that is not there was taken")
	}
	if _, err := Resolve(cfg, &cfg.Plans[0], Request{Operation: PlannedFailover, To: "moon"}); err == nil {
		t.Error("--to a site that is not the plan's was taken")
	}
}

// A VM that --vm takes and --only leaves out is no VM that silently stays behind.
func TestOnlyAndVMMayNotContradict(t *testing.T) {
	cfg := good(t, "northgate.yaml")
	id := indexVMs(cfg)["NG-SQL01"].vm.ID
	for name, c := range map[string]struct {
		vms, only []string
		says      []string
	}{
		"two that are not named": {[]string{"NG-WEB01", "NG-DC01"}, []string{"NG-SQL01"}, []string{"--vm NG-WEB01 --vm NG-DC01 contradicts --only", "add: --only NG-WEB01 --only NG-DC01"}},
		"one of two":             {[]string{"NG-SQL01", "NG-DC01"}, []string{"NG-SQL01"}, []string{"--vm NG-DC01 contradicts"}},
		"the same, by its GUID":  {[]string{id}, []string{"NG-SQL01"}, nil},
		"only":                   {nil, []string{"NG-SQL01"}, nil},
		"two that are no VMs":    {[]string{"nobody"}, []string{"noone"}, []string{`--vm "nobody"`, `--only "noone"`}},
	} {
		_, err := Resolve(cfg, &cfg.Plans[0], Request{Operation: PlannedFailover, VMs: c.vms, Only: c.only})
		if (err == nil) != (c.says == nil) {
			t.Errorf("%s: %v", name, err)
		}
		for _, words := range c.says {
			if err != nil && !strings.Contains(err.Error(), words) {
				t.Errorf("%s: %v; want %q in it", name, err, words)
			}
		}
	}
}

func TestOnlyNamesOperations(t *testing.T) {
	if in := resolved(t, "northgate.yaml", Request{}); in.Steps[0].Manual == nil {
		t.Error("the step for planned failovers is missing in one")
	}
	for _, s := range resolved(t, "northgate.yaml", Request{Operation: Cancel}).Steps {
		if s.Manual != nil || s.Notice != nil {
			t.Errorf("step %s of the way there stands in a cancel", s.Name)
		}
	}
}

// One text serves both ways: a failback does not ask to move where it comes from.
func TestTextsNameTheDirection(t *testing.T) {
	cfg := good(t, "northgate.yaml")
	plan := &cfg.Plans[0]
	plan.Steps = append(plan.Steps, Step{Manual: &ManualStep{Name: "ask", Text: "Move {from} to {to}?"}}, Step{Notice: &Notice{Text: "Runs at {to}."}})
	for to, want := range map[string][2]string{plan.To: {"Move hq to warehouse?", "Runs at warehouse."}, plan.From: {"Move warehouse to hq?", "Runs at hq."}} {
		in, err := Resolve(cfg, plan, Request{Operation: PlannedFailover, To: to})
		if err != nil {
			t.Fatal(err)
		}
		n := len(in.Steps)
		if got := [2]string{in.Steps[n-2].Manual.Text, in.Steps[n-1].Notice.Text}; got != want {
			t.Errorf("to %s: %q, want %q", to, got, want)
		}
	}
}

func TestTheHashFollowsThePlan(t *testing.T) {
	one, two := resolved(t, "northgate.yaml", Request{}), resolved(t, "northgate.yaml", Request{})
	if one.PlanHash != two.PlanHash || one.PlanHash == "" {
		t.Error("the same plan has two hashes")
	}
	cfg := good(t, "northgate.yaml")
	cfg.Plans[0].Steps[1].VMs[0].Settle++
	if in, err := Resolve(cfg, &cfg.Plans[0], Request{Operation: PlannedFailover}); err != nil || in.PlanHash == one.PlanHash {
		t.Errorf("a changed plan has the same hash (%v)", err)
	}
}

func TestARunsInputSurvivesTheWire(t *testing.T) {
	in := resolved(t, "northgate.yaml", Request{Speed: 60})
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var back RunInput
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(in, back) {
		t.Errorf("it came back as\n%+v\nand was\n%+v", back, in)
	}
}
