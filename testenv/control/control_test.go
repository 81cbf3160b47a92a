package control_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/control"
	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

type client struct {
	t    *testing.T
	base string
	farm *hypervisor.Farm
}

func start(t *testing.T) *client {
	t.Helper()
	env, err := environment.Load("pair")
	if err != nil {
		t.Fatal(err)
	}
	env.VMs[0].Replicate.Points = 3
	env.Hosts[1].Cluster = "CL-B"
	farm, err := hypervisor.New(env, hypervisor.Options{Seed: 3, Speed: 600})
	if err != nil {
		t.Fatal(err)
	}
	s, err := control.Start(farm, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(); farm.Close() })
	return &client{t, "http://" + s.Address(), farm}
}

func (c *client) post(path string, want int) {
	c.t.Helper()
	r, err := http.Post(c.base+path, "application/json", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if r.StatusCode != want {
		text, _ := io.ReadAll(r.Body)
		c.t.Errorf("POST %s: %s %s, want %d", path, r.Status, text, want)
	}
}

func (c *client) state() hypervisor.State {
	c.t.Helper()
	r, err := http.Get(c.base + "/state")
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	var s hypervisor.State
	if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
		c.t.Fatal(err)
	}
	return s
}

func (c *client) copy(vm, host string) hypervisor.CopyState {
	c.t.Helper()
	for _, o := range c.state().Copies {
		if o.VM == vm && o.Host == host {
			return o
		}
	}
	c.t.Fatalf("no copy of %s on %s", vm, host)
	return hypervisor.CopyState{}
}

func TestSitesLosePowerAndLine(t *testing.T) {
	c := start(t)
	c.post("/sites/a/power-loss", http.StatusOK)
	s := c.state()
	if s.Sites[0].Power || !s.Sites[0].Linked || s.Hosts[0].Up || !s.Hosts[1].Up {
		t.Errorf("after the power loss: %+v %+v", s.Sites, s.Hosts)
	}
	c.post("/sites/a/power-on", http.StatusOK)
	c.post("/sites/a/cut", http.StatusOK)
	s = c.state()
	if !s.Sites[0].Power || s.Sites[0].Linked || !s.Hosts[0].Up || s.Hosts[0].Linked {
		t.Errorf("after the cut: %+v %+v", s.Sites, s.Hosts)
	}
	c.post("/sites/a/join", http.StatusOK)
	if s = c.state(); !s.Sites[0].Linked || !s.Hosts[0].Linked {
		t.Errorf("after the join: %+v %+v", s.Sites, s.Hosts)
	}
	c.post("/sites/c/cut", http.StatusNotFound)
	c.post("/sites/a/flood", http.StatusNotFound)
}

func TestColleagueDrillsAndFailsOverToAPoint(t *testing.T) {
	c := start(t)
	id := c.farm.VMID(0)
	at := "/vms/" + id + "@HV-B/"
	c.post(at+"start-test", http.StatusOK)
	c.post(at+"start-test", http.StatusConflict)
	tests := 0
	for _, o := range c.state().Copies {
		if o.Test {
			tests++
			c.post("/vms/"+o.VM+"@HV-B/start", http.StatusOK)
			if since := c.copy(o.VM, "HV-B").Since; since == "" {
				t.Error("the test copy runs since never")
			}
		}
	}
	if tests != 1 {
		t.Errorf("%d test copies", tests)
	}
	c.post(at+"stop-failover", http.StatusOK)
	c.post(at+"stop-failover", http.StatusConflict)
	point := c.copy(id, "HV-B").Points[1]
	c.post(at+"start-failover?point=nosuch", http.StatusConflict)
	c.post(at+"start-failover?point="+point.ID, http.StatusOK)
	if b := c.copy(id, "HV-B"); b.Writes.Held != point.Held || b.State != "FailedOverWaitingCompletion" {
		t.Errorf("the copy holds %d (%s), its point %d", b.Writes.Held, b.State, point.Held)
	}
	if a := c.copy(id, "HV-A"); a.Writes.Own < a.Writes.Held-point.Held {
		t.Errorf("the primary has %d writes alone", a.Writes.Own)
	}
}

func TestColleagueBreaksAndMendsReplication(t *testing.T) {
	c := start(t)
	id := c.farm.VMID(1)
	a, b := "/vms/"+id+"@HV-A/", "/vms/"+id+"@HV-B/"
	c.post(b+"fail-apply", http.StatusOK)
	c.post(b+"fail-apply", http.StatusConflict)
	c.post(b+"resume", http.StatusOK)
	c.post(a+"lose-tracking", http.StatusOK)
	c.post(a+"resume", http.StatusConflict)
	c.post(a+"turn-off", http.StatusOK)
	c.post(a+"as-replica", http.StatusOK)
	if s := c.copy(id, "HV-A"); s.Mode != "Replica" || s.State != "WaitingForInitialReplication" {
		t.Errorf("the old primary is %+v", s)
	}
	c.post(a+"stop-replication", http.StatusConflict)
	c.post(a+"dance", http.StatusNotFound)
}

func TestControlStaysOnLoopback(t *testing.T) {
	if _, err := control.Start(nil, "0.0.0.0:0"); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("it listens to everybody: %v", err)
	}
}

func TestRoles(t *testing.T) {
	c := start(t)
	id := c.farm.VMID(0)
	for _, act := range []string{"make-role", "fail-role", "disk-role"} {
		c.post("/vms/"+id+"@HV-B/"+act, http.StatusOK)
	}
	for _, act := range []string{"@HV-A/make-role", "@HV-B/make-role", "@HV-B/part-role?to=HV-A"} {
		c.post("/vms/"+id+act, http.StatusConflict)
	}
	if view, _ := c.farm.Host("HV-B").Cluster(); len(view.Roles) != 1 || view.Roles[0].State != "Failed" || len(view.Roles[0].Resources) != 3 {
		t.Errorf("the cluster is %+v", view)
	}
	c.post("/vms/"+id+"@HV-B/offline-role", http.StatusOK)
	if view, _ := c.farm.Host("HV-B").Cluster(); view.Roles[0].State != "Offline" {
		t.Errorf("the role is %+v", view.Roles[0])
	}
}
