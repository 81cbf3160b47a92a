package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
)

// marker is the first line of what the lab writes: only files that begin with
// it are ever replaced.
const marker = "# Written by lifeboat lab for simulated hosts."

// The shapes of Lifeboat's configuration, as far as the lab writes them. They
// are the lab's own: it shares no code with what it tests.
type (
	config struct {
		Version  int                   `yaml:"version"`
		Lab      labSection            `yaml:"lab"`
		Sites    []siteSection         `yaml:"sites"`
		Networks []environment.Network `yaml:"networks,omitempty"`
		Hosts    []hostSection         `yaml:"hosts"`
		Groups   []group               `yaml:"groups"`
	}
	siteSection struct {
		Name      string    `yaml:"name"`
		Engine    bool      `yaml:"engine,omitempty"`
		Witnesses []witness `yaml:"witnesses,omitempty"`
	}
	witness struct {
		Name    string `yaml:"name"`
		Address string `yaml:"address"`
	}
	labSection struct {
		Speed     float64  `yaml:"speed"`
		Control   string   `yaml:"control"`
		Seed      int64    `yaml:"seed"`
		Addresses []fromTo `yaml:"addresses,omitempty"`
	}
	fromTo struct {
		From string `yaml:"from"`
		To   string `yaml:"to"`
	}
	hostSection struct {
		Name        string `yaml:"name"`
		Site        string `yaml:"site"`
		Address     string `yaml:"address"`
		WinRM       winrm  `yaml:"winrm"`
		ReplicaName string `yaml:"replica_name"`
		Thumbprint  string `yaml:"certificate_thumbprint,omitempty"`
		Storage     string `yaml:"replica_storage"`
		Reserve     string `yaml:"memory_reserve,omitempty"`
		BMC         string `yaml:"bmc,omitempty"`
	}
	winrm struct {
		Port       int    `yaml:"port"`
		Transport  string `yaml:"transport"`
		Auth       string `yaml:"auth"`
		User       string `yaml:"user"`
		Secret     string `yaml:"secret"`
		CA         string `yaml:"ca"`
		ServerName string `yaml:"server_name"`
	}
	group struct {
		Name           string `yaml:"name"`
		From           string `yaml:"from"`
		To             string `yaml:"to"`
		Frequency      string `yaml:"frequency"`
		Points         int    `yaml:"recovery_points,omitempty"`
		Authentication string `yaml:"authentication"`
		RPO            string `yaml:"rpo,omitempty"`
		// Extends is the third copy, made from the second.
		Extends *extends `yaml:"extends,omitempty"`
		VMs     []vm     `yaml:"vms"`
	}
	extends struct {
		To        string `yaml:"to"`
		Frequency string `yaml:"frequency"`
	}
	vm struct {
		Name     string   `yaml:"name"`
		ID       string   `yaml:"id"`
		Memory   string   `yaml:"memory"`
		NICs     []nic    `yaml:"nics,omitempty"`
		Excluded []string `yaml:"excluded_disks,omitempty"`
		Note     string   `yaml:"note,omitempty"`
	}
	nic struct {
		Network string `yaml:"network"`
		IP      string `yaml:"ip,omitempty"`
		Inject  *bool  `yaml:"inject,omitempty"`
	}
)

// WriteConfig writes a folder with which Lifeboat finds this lab: lifeboat.yaml,
// plans.yaml, ca.pem and secrets. It replaces what a lab wrote before and
// nothing else.
func (l *Lab) WriteConfig(dir string) error {
	if err := mine(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "secrets"), 0o700); err != nil {
		return err
	}
	for name, text := range map[string]string{"hosts": l.passwd, "guest": l.passwd} {
		if err := os.WriteFile(filepath.Join(dir, "secrets", name), []byte(text+"\n"), 0o600); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), l.ca.pem, 0o644); err != nil {
		return err
	}
	if len(l.opts.Environment.Plans) > 0 {
		if err := writeYAML(filepath.Join(dir, "plans.yaml"), map[string]any{"plans": l.opts.Environment.Plans}); err != nil {
			return err
		}
	}
	return writeYAML(filepath.Join(dir, "lifeboat.yaml"), l.config())
}

// mine is nil when the folder is new, empty, or was written by a lab.
func mine(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && len(entries) == 0) {
		return nil
	}
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, "lifeboat.yaml"))
	if err != nil || !strings.HasPrefix(string(text), marker) {
		return fmt.Errorf("%s holds files that no lab wrote: name another folder; nothing was changed", dir)
	}
	return nil
}

func writeYAML(name string, v any) error {
	text, err := yaml.MarshalWithOptions(v, yaml.IndentSequence(true))
	if err != nil {
		return err
	}
	// Whole or not at all: an engine may be reading.
	if err := os.WriteFile(name+".new", append([]byte(marker+"\n"), text...), 0o644); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

func (l *Lab) config() config {
	env := l.opts.Environment
	c := config{Version: 1, Networks: env.Networks, Lab: labSection{Speed: l.opts.Speed, Control: l.ControlAddr(), Seed: l.opts.Seed}}
	for _, s := range env.Sites {
		out := siteSection{Name: s.Name, Engine: s.Engine}
		for _, w := range s.Witnesses {
			out.Witnesses = append(out.Witnesses, witness{Name: w.Name, Address: net.JoinHostPort(w.Address, strconv.Itoa(w.Port))})
		}
		c.Sites = append(c.Sites, out)
	}
	for _, a := range l.farm.Addresses() {
		c.Lab.Addresses = append(c.Lab.Addresses, fromTo(a))
	}
	for _, h := range l.farm.Hosts() {
		c.Hosts = append(c.Hosts, l.hostSection(h.Name()))
	}
	for i := range env.VMs {
		c.Groups = l.addVM(c.Groups, i)
	}
	return c
}

func (l *Lab) hostSection(name string) hostSection {
	env, _ := l.opts.Environment.Host(name)
	info := l.farm.Host(name).Info()
	address, portText, _ := net.SplitHostPort(l.wires[name].https.Addr().String())
	port, _ := strconv.Atoi(portText)
	s := hostSection{
		Name: name, Site: env.Site, Address: address, ReplicaName: info.FQDN, Storage: `D:\Replica`, BMC: env.BMC,
		WinRM: winrm{Port: port, Transport: "https", Auth: "ntlm", User: User, Secret: "file:secrets/hosts", CA: "ca.pem", ServerName: info.FQDN},
	}
	if env.Replica.Auth != "Kerberos" {
		s.Thumbprint = info.Certificate
	}
	if env.ReserveGB > 0 {
		s.Reserve = fmt.Sprintf("%dGB", env.ReserveGB)
	}
	return s
}

// addVM puts a protected VM into the group of those that replicate alike.
func (l *Lab) addVM(groups []group, i int) []group {
	v := &l.opts.Environment.VMs[i]
	r := v.Replicate
	if r == nil {
		return groups
	}
	frequency := short(r.Frequency)
	name := strings.ToLower(fmt.Sprintf("%s-%s-%d", v.Host, frequency, r.Points))
	if r.RPO > 0 {
		name += "-rpo-" + short(r.RPO)
	}
	if r.Extend != nil {
		name += strings.ToLower(fmt.Sprintf("-then-%s-%s", r.Extend.To, short(r.Extend.Frequency)))
	}
	if slices.ContainsFunc(groups, func(g group) bool { return g.Name == name && g.To != r.To }) {
		name += "-to-" + strings.ToLower(r.To) // the same, to another host
	}
	at := -1
	for j := range groups {
		if groups[j].Name == name && groups[j].To == r.To {
			at = j
		}
	}
	if at < 0 {
		from, _ := l.opts.Environment.Host(v.Host)
		to, _ := l.opts.Environment.Host(r.To)
		auth := "certificate"
		if from.Replica.Auth == "Kerberos" || to.Replica.Auth == "Kerberos" {
			auth = "kerberos"
		}
		g := group{Name: name, From: v.Host, To: r.To, Frequency: frequency, Points: r.Points, Authentication: auth}
		if r.RPO > 0 {
			g.RPO = short(r.RPO)
		}
		if r.Extend != nil {
			g.Extends = &extends{To: r.Extend.To, Frequency: short(r.Extend.Frequency)}
		}
		groups = append(groups, g)
		at = len(groups) - 1
	}
	out := vm{Name: v.Name, ID: l.idOf(i), Memory: fmt.Sprintf("%dGB", v.MemoryGB), Note: v.Note, Excluded: v.ExcludedDisks()}
	if v.Network != "" {
		n := nic{Network: v.Network, IP: v.IP}
		if v.Static {
			n.Inject = new(bool)
		}
		out.NICs = []nic{n}
	}
	groups[at].VMs = append(groups[at].VMs, out)
	return groups
}

// idOf is the GUID of the environment's i-th VM: VMs stand on their hosts in
// the environment's order, replicas included.
func (l *Lab) idOf(i int) string { return l.farm.VMID(i) }

// short writes 30s, 5m, 4h as people do.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
