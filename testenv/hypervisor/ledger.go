package hypervisor

import "time"

// Entry is one line of the ledger: what changed, from what to what, by whom.
type Entry struct {
	Seq  uint64 `json:"seq"`
	At   string `json:"at"`  // real, RFC 3339 with nanoseconds
	Sim  string `json:"sim"` // simulated
	Host string `json:"host"`
	VM   string `json:"vm"`
	What string `json:"what"`
	From string `json:"from"`
	To   string `json:"to"`
	By   string `json:"by"`
}

// write appends to the ledger.
func (f *Farm) write(host, vm, what, from, to, by string) {
	f.entries = append(f.entries, Entry{
		Seq: uint64(len(f.entries) + 1), At: time.Now().UTC().Format(time.RFC3339Nano), Sim: f.Now().UTC().Format(time.RFC3339Nano),
		Host: host, VM: vm, What: what, From: from, To: to, By: by,
	})
}

// Ledger is every entry with a higher sequence number.
func (f *Farm) Ledger(since uint64) []Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	if since >= uint64(len(f.entries)) {
		return []Entry{}
	}
	return append([]Entry(nil), f.entries[since:]...)
}

func (c *copyState) setPower(to, by string) {
	if c.power == to {
		return
	}
	f := c.host.farm
	f.write(c.host.env.Name, c.id, "power", c.power, to, by)
	c.power = to
	if to == running {
		c.startedAt = f.Now()
		f.checkTest(c)
	}
	f.checkTwoRunning(c)
}

func (c *copyState) setState(to, by string) {
	if c.state == to {
		return
	}
	c.host.farm.write(c.host.env.Name, c.id, "state", c.state, to, by)
	c.state = to
}

func (c *copyState) setMode(to, by string) {
	if c.mode == to {
		return
	}
	c.host.farm.write(c.host.env.Name, c.id, "mode", c.mode, to, by)
	c.mode = to
}
