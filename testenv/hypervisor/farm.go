// Package hypervisor is an independent simulation of Hyper-V hosts with Hyper-V
// Replica between them, written from Microsoft's documentation. The two sides
// of a replication are records of their own that converge only by simulated
// traffic. Guests boot, shut down, listen on real loopback ports and commit
// numbered writes all the time, so that lost data is a number.
//
// It refuses what a real host refuses. It knows no PowerShell and no wire, and
// shares no code with what it tests.
package hypervisor

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
)

// Options say how a farm lives.
type Options struct {
	// Seed decides everything random; it is printed by whoever starts a lab.
	Seed int64
	// Speed is simulated seconds per real second.
	Speed   float64
	Dialect Dialect
	// OnHost is told when a host goes down or up, or is cut off or joined:
	// whoever plays its wire follows.
	OnHost func(host string, up, linked bool)
}

// Farm is a whole simulated world.
type Farm struct {
	env     *environment.Environment
	opts    Options
	began   time.Time // real
	epoch   time.Time // simulated
	mu      sync.Mutex
	rand    *rand.Rand
	hosts   []*Host
	ids     []string          // GUIDs of the environment's VMs, in its order
	writes  map[string]uint64 // per VM: the highest write acknowledged to users
	ports   []Address
	entries []Entry
	sites   []*site
	tests   int // how many test failovers there were
	created int // how many VMs were made
	skipped atomic.Int64

	witnesses []*witness
	roles     []*clusterRole
	faults    []*Fault
	nextID    int
	media     map[string]medium // exports of first copies, by the name of their folder
	ended     chan struct{}
	closed    bool
	violate   []*violation
	twins     map[string]*violation // by VM: two copies run now
}

// epoch is when every simulated world begins: a calm Tuesday morning.
var epoch = time.Date(2027, 1, 12, 8, 0, 0, 0, time.UTC)

// New builds a farm and lets its time run. Every VM is where the environment
// says, running unless off, protected VMs with a complete first copy.
func New(env *environment.Environment, o Options) (*Farm, error) {
	if o.Speed <= 0 {
		o.Speed = 1
	}
	if o.OnHost == nil {
		o.OnHost = func(string, bool, bool) {}
	}
	f := &Farm{
		env: env, opts: o, began: time.Now(), epoch: epoch, writes: map[string]uint64{}, media: map[string]medium{}, twins: map[string]*violation{}, ended: make(chan struct{}),
		rand: rand.New(rand.NewPCG(uint64(o.Seed), 0x11feb0a7)),
	}
	for _, s := range env.Sites {
		f.sites = append(f.sites, &site{name: s.Name, power: true, linked: true})
	}
	for _, h := range env.Hosts {
		f.hosts = append(f.hosts, f.newHost(h))
	}
	for _, h := range f.hosts {
		f.firstGuardians(h)
	}
	for i, vm := range env.VMs {
		if err := f.place(i, vm); err != nil {
			return nil, err
		}
	}
	if err := f.choosePorts(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	for _, h := range f.hosts {
		h.firstRoles()
		for _, c := range h.copies {
			if c.power == running {
				f.guestUp(c)
			}
		}
	}
	f.followWitnesses()
	f.mu.Unlock()
	go f.live()
	return f, nil
}

// Close ends the simulated time and every listener.
func (f *Farm) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.closed = true
	close(f.ended)
	for _, h := range f.hosts {
		for _, c := range h.copies {
			f.closeListeners(c)
		}
	}
	f.followWitnesses()
}

// Environment is what the farm was made from.
func (f *Farm) Environment() *environment.Environment { return f.env }

// Options are what the farm was started with.
func (f *Farm) Options() Options { return f.opts }

// Hosts are all hosts, in the environment's order.
func (f *Farm) Hosts() []*Host { return f.hosts }

// Host finds a host by name; nil when there is none.
func (f *Farm) Host(name string) *Host {
	for _, h := range f.hosts {
		if h.env.Name == name {
			return h
		}
	}
	return nil
}

// VMID is the GUID of the environment's i-th VM.
func (f *Farm) VMID(i int) string { return f.ids[i] }

// Now is the simulated time.
func (f *Farm) Now() time.Time {
	return f.epoch.Add(time.Duration(float64(time.Since(f.began))*f.opts.Speed) + time.Duration(f.skipped.Load()))
}

// real is how long a simulated duration takes here.
func (f *Farm) real(d time.Duration) time.Duration {
	return time.Duration(float64(d) / f.opts.Speed)
}

// after runs fn, holding the farm's lock, when a simulated duration has passed.
func (f *Farm) after(d time.Duration, fn func()) *time.Timer {
	return time.AfterFunc(f.real(d), func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if !f.closed {
			fn()
		}
	})
}

// jitter varies a duration by a tenth either way.
func (f *Farm) jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*f.rand.Float64()))
}

// guid derives a GUID from the seed and a name.
func (f *Farm) guid(name string) string {
	s := sha256.Sum256(fmt.Appendf(nil, "%d/%s", f.opts.Seed, name))
	s[6], s[8] = s[6]&0x0f|0x40, s[8]&0x3f|0x80 // the marks of a random GUID
	return fmt.Sprintf("%x-%x-%x-%x-%x", s[0:4], s[4:6], s[6:8], s[8:10], s[10:16])
}

// Host is a simulated host.
type Host struct {
	farm    *Farm
	env     environment.Host
	up      bool
	linked  bool
	copies  []*copyState
	byID    map[string]*copyState
	replica ReplicaServer
	// certificate is the thumbprint of the one in the host's own store.
	certificate string
	expires     time.Time
	// guardians are the hosts whose guardians' keys are here.
	guardians []string
	// files are those of no VM, by path in lower case, and folders made for them.
	files map[string]File
	// filled is what else takes of the volume.
	filled  uint64
	sending int
}

func (f *Farm) newHost(env environment.Host) *Host {
	h := &Host{farm: f, env: env, up: true, linked: true, byID: map[string]*copyState{}, files: map[string]File{}, expires: f.epoch.Add(env.Replica.Expires)}
	thumb := env.Replica.Thumbprint
	if thumb == "" {
		thumb = fmt.Sprintf("%X", sha256.Sum256(fmt.Appendf(nil, "%d/cert/%s", f.opts.Seed, env.Name)))[:40]
	}
	h.certificate = thumb
	h.replica = ReplicaServer{Auth: "Kerberos", KerberosPort: 80, CertificatePort: 443}
	if env.Replica.Enabled {
		h.replica.Enabled, h.replica.Auth, h.replica.Thumbprint, h.replica.Storage = true, env.Replica.Auth, thumb, `D:\Replica`
	}
	for _, allow := range env.Replica.Allow {
		if allow == "*" {
			h.replica.AnyServer = true
			continue
		}
		h.replica.Entries = append(h.replica.Entries, Authorization{Primary: allow, Storage: `D:\Replica`, TrustGroup: "DEFAULT"})
	}
	return h
}

// Name is the host's name.
func (h *Host) Name() string { return h.env.Name }

// Site is where the host stands.
func (h *Host) Site() string { return h.env.Site }

// builds are the facts of each version of Windows Server: build number, and
// the VM configuration versions it runs.
//
// Microsoft: "Upgrade virtual machine version in Hyper-V".
var builds = map[string]struct {
	build    string
	versions []string
}{
	"2016": {"10.0.14393", []string{"5.0", "6.2", "7.0", "7.1", "8.0"}},
	"2019": {"10.0.17763", []string{"5.0", "8.0", "8.1", "8.2", "8.3", "9.0"}},
	"2022": {"10.0.20348", []string{"8.0", "8.1", "8.2", "8.3", "9.0", "9.1", "10.0"}},
	"2025": {"10.0.26100", []string{"8.0", "8.1", "8.2", "8.3", "9.0", "9.1", "10.0", "11.0", "12.0"}},
}

// Info is what the host says of itself.
func (h *Host) Info() HostInfo {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	b := builds[h.env.OS]
	info := HostInfo{
		Name: h.env.Name, FQDN: h.env.FQDN, OS: "Microsoft Windows Server " + h.env.OS + " Standard", Build: b.build,
		Memory: gb(h.env.MemoryGB), MemoryFree: h.memoryFree(), Processors: 16, Now: h.farm.Now().Add(h.env.ClockSkew), Supported: b.versions,
		DefaultPath: `D:\VMs`, Volume: `D:\`, CertificateEnds: h.expires, VolumeSize: uint64(gb(h.env.VolumeGB)), Replica: h.replica, Certificate: h.certificate,
	}
	for _, s := range h.env.Switches {
		info.Switches = append(info.Switches, Switch{ID: h.farm.guid("switch/" + h.env.Name + "/" + s.Name), Name: s.Name, Type: s.Type})
	}
	used := h.filled
	for _, f := range h.files {
		used += f.Size
	}
	for _, c := range h.copies {
		for _, d := range c.disks {
			used += d.UsedBytes
		}
	}
	info.VolumeFree = info.VolumeSize - min(used, info.VolumeSize)
	return info
}

// memoryFree is what VMs can have, in bytes.
func (h *Host) memoryFree() int64 {
	free := gb(h.env.MemoryGB) - gb(h.env.ReserveGB)
	for _, c := range h.copies {
		if c.power != off {
			free -= c.memory
		}
	}
	return free
}

func gb(n int) int64 { return int64(n) << 30 }
