package hypervisor

import "time"

// State is the whole truth about a farm, as the control port serves it.
type State struct {
	Seed   int64       `json:"seed"`
	Now    string      `json:"now"` // simulated, RFC 3339
	Seq    uint64      `json:"seq"`
	Sites  []SiteState `json:"sites"`
	Hosts  []HostState `json:"hosts"`
	Copies []CopyState `json:"copies"`
	// Violations are what must never happen and did.
	Violations []string `json:"violations"`
}

// SiteState is a site in State.
type SiteState struct {
	Name   string `json:"name"`
	Power  bool   `json:"power"`
	Linked bool   `json:"linked"`
}

// HostState is a host in State.
type HostState struct {
	Name   string `json:"name"`
	Up     bool   `json:"up"`
	Linked bool   `json:"linked"`
}

// CopyState is one VM on one host in State.
type CopyState struct {
	VM        string         `json:"vm"`
	Name      string         `json:"name"`
	Host      string         `json:"host"`
	Power     string         `json:"power"`
	Mode      string         `json:"mode"`
	State     string         `json:"state"`
	Health    string         `json:"health"`
	Networks  []NetworkState `json:"networks"`
	Test      bool           `json:"test"`
	AutoStart string         `json:"autostart"`
	Writes    Writes         `json:"writes"`
	Points    []PointState   `json:"points"`
	IP        string         `json:"ip"`
	// Since is when the copy began to run, "" while it does not.
	Since string `json:"since"`
	// Extended is the second relationship of a copy in the middle of a chain.
	Extended *ExtendedState `json:"extended,omitempty"`
	// Settings are those of its own relationship, "" without one; Left are the
	// paths of disks that do not replicate.
	Settings string   `json:"settings,omitempty"`
	Left     []string `json:"left,omitempty"`
}

// ExtendedState is that relationship: where it goes to and how it is.
type ExtendedState struct {
	To     string `json:"to"`
	State  string `json:"state"`
	Health string `json:"health"`
	// FrequencySec is how often it sends.
	FrequencySec int `json:"frequency_sec"`
}

// NetworkState is an adapter's connection.
type NetworkState struct {
	Switch    string `json:"switch"`
	Connected bool   `json:"connected"`
	Isolated  bool   `json:"isolated"`
}

// Writes counts: Committed is the highest write any running copy of the VM ever
// acknowledged to its users, Held the highest this copy has on disk, Missing
// how many acknowledged ones below Held it lacks, Own how many it has that no
// other copy has.
type Writes struct {
	Committed uint64 `json:"committed"`
	Held      uint64 `json:"held"`
	Missing   uint64 `json:"missing"`
	Own       uint64 `json:"own"`
}

// PointState is a recovery point.
type PointState struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Created string `json:"created"`
	Held    uint64 `json:"held"`
}

// State is the farm as it truly is now.
func (f *Farm) State() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := State{Seed: f.opts.Seed, Now: f.Now().UTC().Format(time.RFC3339Nano), Seq: uint64(len(f.entries)), Copies: []CopyState{}, Violations: f.violations()}
	for _, site := range f.sites {
		s.Sites = append(s.Sites, SiteState{Name: site.name, Power: site.power, Linked: site.linked})
	}
	same := map[string][]*copyState{}
	for _, h := range f.hosts {
		s.Hosts = append(s.Hosts, HostState{Name: h.env.Name, Up: h.up, Linked: h.linked})
		for _, c := range h.copies {
			c.heldNow() // acknowledges what a running copy has written
			same[c.id] = append(same[c.id], c)
		}
	}
	for _, h := range f.hosts {
		for _, c := range h.copies {
			s.Copies = append(s.Copies, c.truth(same[c.id]))
		}
	}
	return s
}

// truth is one copy as it is; all are the copies of the same VM.
func (c *copyState) truth(all []*copyState) CopyState {
	f := c.host.farm
	out := CopyState{
		VM: c.id, Name: c.name, Host: c.host.env.Name, Power: c.power, Mode: c.mode, State: c.state, Health: c.health(),
		AutoStart: c.autoStart, Points: []PointState{}, Networks: []NetworkState{},
		Test: c.testOf != nil, Writes: Writes{Held: c.heldNow(), Missing: c.missing, Committed: f.writes[c.id]},
	}
	if c.testOf != nil {
		out.Writes.Committed = f.writes[c.testOf.id]
	} else {
		out.Writes.Own = c.own(all)
	}
	if c.power == running {
		out.Since = c.startedAt.UTC().Format(time.RFC3339Nano)
	}
	if c.booted {
		out.IP = c.guestIP
	}
	for _, a := range c.adapters {
		n := NetworkState{Switch: a.Switch, Connected: a.Switch != ""}
		for _, s := range c.host.env.Switches {
			n.Isolated = n.Isolated || (s.Name == a.Switch && s.Type == "Private")
		}
		out.Networks = append(out.Networks, n)
	}
	if l := c.extended; l != nil {
		out.Extended = &ExtendedState{To: l.to.env.Name, State: l.state, Health: l.health(c), FrequencySec: int(l.frequency / time.Second)}
	}
	if c.mode != modeNone && c.mode != modeTest {
		out.Settings = c.settings().words()
		for _, d := range c.disks {
			if !d.Replicated {
				out.Left = append(out.Left, d.Path)
			}
		}
	}
	for _, p := range c.history {
		out.Points = append(out.Points, PointState{ID: p.ID, Type: p.Type, Created: p.Created.UTC().Format(time.RFC3339Nano), Held: p.held})
	}
	return out
}
