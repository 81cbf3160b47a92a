package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// readConfig decodes the files of a configuration's folder.
func readConfig(t *testing.T, dir string) *plans.Config {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var files []plans.File
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, plans.File{Name: name, Data: text})
	}
	cfg, err := plans.Decode(files)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// initFlags name the lab's hosts as a person would.
func (w *world) initFlags() []string {
	w.t.Helper()
	var args []string
	cfg := readConfig(w.t, w.site())
	for _, h := range cfg.Hosts {
		args = append(args, "--host", fmt.Sprintf("%s=%s:%d@%s", h.Name, h.Address, h.WinRM.Port, h.WinRM.ServerName))
	}
	return append(args, "--user", cfg.Hosts[0].WinRM.User, "--secret", "file:"+filepath.Join(w.site(), "secrets", "hosts"), "--ca", filepath.Join(w.site(), "ca.pem"))
}

// protection is what a configuration says of one VM, without the names that
// people give.
type protection struct {
	from, to, auth, third string
	every, thirdEvery     time.Duration
	points                int
	memory                plans.Bytes
	ips                   string
	apart                 bool // its hosts stand at different sites
}

func protections(cfg *plans.Config) map[string]protection {
	sites, out := map[string]string{}, map[string]protection{}
	for _, h := range cfg.Hosts {
		sites[h.Name] = h.Site
	}
	for _, g := range cfg.Groups {
		p := protection{from: g.From, to: g.To, auth: g.Authentication, every: g.Frequency.D(), points: g.RecoveryPoints, apart: sites[g.From] != sites[g.To]}
		if g.Extends != nil {
			p.third, p.thirdEvery = g.Extends.To, g.Extends.Frequency.D()
			p.apart = p.apart && sites[g.To] != sites[p.third] && sites[g.From] != sites[p.third]
		}
		for _, vm := range g.VMs {
			p.memory, p.ips = vm.Memory, ""
			for _, n := range vm.NICs {
				p.ips += n.IP + " "
			}
			out[vm.ID+" "+vm.Name] = p
		}
	}
	return out
}

// What init writes is in meaning what the lab wrote of itself, and nothing was
// changed on any host.
func TestInitWritesWhatIsThere(t *testing.T) {
	for _, environment := range []string{"pair", "northgate", "brightwater"} {
		t.Run(environment, func(t *testing.T) {
			w := newWorld(t, environment, 20)
			out := filepath.Join(w.dir, "found")
			r := w.must(0, append([]string{"init", "--write", out}, w.initFlags()...)...)
			if !r.says("nothing was changed") {
				t.Errorf("it does not say that nothing was changed:\n%s", r.out)
			}
			want, got := readConfig(t, w.site()), readConfig(t, out)
			w.sameHosts(want, got)
			wanted, found := protections(want), protections(got)
			if len(wanted) != len(found) || len(wanted) == 0 {
				t.Errorf("%d VMs were found, the lab has %d", len(found), len(wanted))
			}
			for vm, p := range wanted {
				if found[vm] != p {
					t.Errorf("%s\n  is    %+v\n  found %+v", vm, p, found[vm])
				}
			}
			w.must(0, "check", "--config", out)
			w.nothingChanged()

			before, err := os.ReadFile(filepath.Join(out, "lifeboat.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			w.must(4, append([]string{"init", "--write", out}, w.initFlags()...)...)
			if after, _ := os.ReadFile(filepath.Join(out, "lifeboat.yaml")); string(after) != string(before) {
				t.Error("a file that was there was overwritten")
			}
		})
	}
}

// sameHosts: the same hosts under the same names, those that replicate with
// the same certificate; hosts of one site at one site.
func (w *world) sameHosts(want, got *plans.Config) {
	w.t.Helper()
	for _, h := range want.Hosts {
		i := slices.IndexFunc(got.Hosts, func(g plans.Host) bool { return g.Name == h.Name })
		if i < 0 {
			w.t.Errorf("%s was not found", h.Name)
			continue
		}
		g := got.Hosts[i]
		replicates := slices.ContainsFunc(want.Groups, func(p plans.ProtectionGroup) bool { return p.From == h.Name || p.To == h.Name })
		if replicates && (g.ReplicaName != h.ReplicaName || g.CertificateThumbprint != h.CertificateThumbprint) {
			w.t.Errorf("%s is called %s with %s, found %s with %s", h.Name, h.ReplicaName, h.CertificateThumbprint, g.ReplicaName, g.CertificateThumbprint)
		}
		for j, o := range want.Hosts {
			if k := slices.IndexFunc(got.Hosts, func(x plans.Host) bool { return x.Name == o.Name }); k >= 0 && (got.Hosts[k].Site == g.Site) != (want.Hosts[j].Site == h.Site) {
				w.t.Errorf("%s and %s: one site %t, found %t", h.Name, o.Name, want.Hosts[j].Site == h.Site, got.Hosts[k].Site == g.Site)
			}
		}
	}
}

// nothingChanged: no request changed anything.
func (w *world) nothingChanged() {
	w.t.Helper()
	for _, e := range w.ledger() {
		if e.Requested() {
			w.t.Errorf("a request changed something: %+v", e)
		}
	}
}

// From nothing to protected, with the configuration that init wrote; a host that
// does not answer leaves nothing written.
func TestFromInitToProtected(t *testing.T) {
	// Slow enough that replication outlives the cut, however busy the machine is.
	w := newWorld(t, "pair", 10)
	site := filepath.Join(w.dir, "mine")
	flags := append([]string{"init", "--write", site}, w.initFlags()...)
	w.post("/hosts/HV-B/cut", nil)
	w.must(3, flags...)
	if _, err := os.Stat(filepath.Join(site, "lifeboat.yaml")); err == nil {
		t.Error("a configuration was written though a host did not answer")
	}
	w.post("/hosts/HV-B/join", nil)
	w.must(0, append(flags, "--site", "here=HV-A", "--site", "there=HV-B")...)
	lab := fmt.Sprintf("lab: {speed: 10, control: %q}\n", w.control)
	if err := os.WriteFile(filepath.Join(site, "lab.yaml"), []byte(lab), 0o644); err != nil {
		t.Fatal(err)
	}
	w.must(0, "check", "--config", site)
	w.nothingChanged()
	w.up("--config", site)
	cfg := readConfig(t, site)
	for _, g := range cfg.Groups {
		w.must(0, "protect", g.Name, "--config", site, "--yes")
	}
	w.nothingChanged() // what replicates is left as it is
	w.must(0, "unprotect", "APP1", "--config", site, "--yes")
	w.must(0, "protect", "APP1", "--config", site, "--yes", "--seed", "existing")
	w.oneRuns("HV-A", "HV-B")

	var found struct {
		VMs  int    `json:"vms"`
		Text string `json:"text"`
	}
	r := w.must(0, append([]string{"init", "--output", "json"}, w.initFlags()...)...)
	if err := json.Unmarshal([]byte(r.out), &found); err != nil || found.VMs != 3 || !strings.Contains(found.Text, "frequency: 30s") {
		t.Errorf("init --output json: %v, %+v", err, found)
	}
}
