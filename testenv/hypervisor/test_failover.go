package hypervisor

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// modeTest is the mode of a test failover's VM (VMReplicationMode).
const modeTest = "TestReplica"

// How long a test failover takes, simulated.
const (
	testTakes    = 5 * time.Second
	testEndTakes = 3 * time.Second
	testShowsIn  = 8 * time.Second // under the late dialect
)

// testFailOver makes a VM of its own from the replica's latest data or from a
// recovery point. Replication goes on; the replica does not change.
//
// Microsoft: Start-VMFailover -AsTest; "Types of failover operations in Hyper-V
// Replica, part I: test failover"; replica model row 13.
func (h *Host) testFailOver(c *copyState, by Caller, point string) (string, error) {
	f := h.farm
	switch {
	case c.mode == modePrimary:
		return "", refuse("InvalidParameter", "InvalidArgument", "Only -Prepare can be used on a primary virtual machine.")
	case !c.isReplica():
		return "", notApplicable(c, "Start-VMFailover")
	case c.test != nil:
		return "", f.secondTest(c)
	case c.power != off, c.lastRepl.IsZero(), c.state != stateReplicates && (c.state != stateSuspended || f.opts.Dialect.TestNeedsReplicating):
		return "", invalidState(c, "start a test failover")
	}
	from := savedPoint{held: c.held, missing: c.missing, guestIP: c.guestIP, content: c.content}
	if point != "" {
		p := c.point(point)
		if p == nil {
			return "", unknownPoint()
		}
		from = *p
	}
	f.pass(testTakes)
	if !h.up {
		return "", refuse("OperationFailed", "NotSpecified", "the host went down")
	}
	t := c.newTest(from)
	f.write(h.env.Name, c.id, "test", "", t.id, by.By)
	return t.id, nil
}

func (f *Farm) secondTest(c *copyState) *Refusal {
	kind := "InvalidState"
	if f.opts.Dialect.OtherTestRefusal {
		kind = "OperationFailed"
	}
	return refuse(kind, "InvalidOperation", fmt.Sprintf("A test failover of '%s' is in progress: only one is possible at a time.", c.name))
}

func unknownPoint() *Refusal {
	return refuse("InvalidParameter", "InvalidArgument", "The recovery point does not belong to this virtual machine.")
}

// newTest puts the test VM beside its replica: off, with the replica's
// configuration, its adapters where the replica's settings for tests say.
func (c *copyState) newTest(from savedPoint) *copyState {
	h, f := c.host, c.host.farm
	f.tests++
	t := &copyState{
		host: h, env: c.env, id: f.guid(fmt.Sprintf("test/%d/%s/%s", f.tests, h.env.Name, c.id)), name: c.name + " - Test",
		power: off, autoStart: c.autoStart, memory: c.memory, created: f.Now(), mode: modeTest, state: stateDisabled,
		guestIP: from.guestIP, held: from.held, missing: from.missing, content: from.content, testOf: c,
	}
	for _, a := range c.adapters {
		n := *a
		n.ID = f.guid("nic/" + t.id + "/" + a.ID)
		if !f.opts.Dialect.TestKeepsMAC {
			n.MAC = strings.ToUpper("00155D" + f.guid("mac/" + t.id + "/" + a.ID)[:6])
		}
		n.Switch, n.TestSwitch = a.TestSwitch, ""
		t.adapters = append(t.adapters, &n)
	}
	for _, d := range c.disks {
		if d.Replicated {
			d.Path, d.UsedBytes, d.Replicated = strings.TrimSuffix(d.Path, ".vhdx")+" - Test "+t.id+".avhdx", 0, false
			t.disks = append(t.disks, d)
		}
	}
	c.test, c.lastTest, c.testShown = t, f.Now(), f.Now()
	if f.opts.Dialect.LateTestVM {
		c.testShown = f.Now().Add(testShowsIn)
	}
	h.add(t)
	f.guestFaults()
	return t
}

// endTest removes the test VM of a replica with its disks; one that runs is
// turned off.
//
// Microsoft: Stop-VMFailover; row 14.
func (h *Host) endTest(c *copyState, by Caller) error {
	t := c.test
	if t.busy != "" {
		return refuse("ObjectInUse", "ResourceBusy", "The test virtual machine is in use by another operation ("+t.busy+").")
	}
	t.busy = "cancel failover"
	if t.power != off {
		h.farm.guestDown(t)
		t.setPower(off, by.By)
	}
	h.farm.pass(testEndTakes)
	if !h.up {
		t.busy = ""
		return refuse("OperationFailed", "NotSpecified", "the host went down")
	}
	h.copies = slices.DeleteFunc(h.copies, func(o *copyState) bool { return o == t })
	delete(h.byID, t.id)
	c.test = nil
	h.farm.write(h.env.Name, c.id, "test", t.id, "", by.By)
	return nil
}

// shownTest is the GUID that Get-VMReplication gives as TestVirtualMachine.
func (c *copyState) shownTest() string {
	if c.test == nil || c.host.farm.Now().Before(c.testShown) {
		return ""
	}
	return c.test.id
}

// isolated is true when nobody outside the host's own VMs is behind the switch.
func (h *Host) isolated(sw string) bool {
	for _, s := range h.env.Switches {
		if s.Name == sw {
			return s.Type == "Private"
		}
	}
	return true
}

// checkTest records a test copy that runs where users are.
func (f *Farm) checkTest(c *copyState) {
	if c.testOf == nil || c.power != running || !c.host.up {
		return
	}
	for _, a := range c.adapters {
		if a.Switch != "" && !c.host.isolated(a.Switch) {
			f.violated(fmt.Sprintf("test copy on a connected network: %s (%s) runs on %s, connected to %s", c.name, c.id, c.host.env.Name, a.Switch))
		}
	}
}
