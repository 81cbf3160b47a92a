// Package environment describes a simulated world in YAML: sites, networks,
// hosts, the VMs on them, how they replicate, and the recovery plans that a
// configuration for them shall hold. It holds no behaviour: the hypervisor
// package plays it. docs/lab.md is the guide to the format.
package environment

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Environment is a whole simulated world.
type Environment struct {
	Name        string `yaml:"environment"`
	Description string `yaml:"description,omitempty"`
	// LineMBPerS is how fast the line between the sites is, in MB a second
	// (binary; default 100).
	LineMBPerS int       `yaml:"line_mb_per_s,omitempty"`
	Sites      []Site    `yaml:"sites"`
	Networks   []Network `yaml:"networks,omitempty"`
	Hosts      []Host    `yaml:"hosts"`
	VMs        []VM      `yaml:"vms"`
	// Plans are recovery plans in Lifeboat's own format. The lab does not read
	// them: they go into the written configuration as they are.
	Plans []yaml.MapSlice `yaml:"plans,omitempty"`
}

// Site is a place. Engine is true where Lifeboat itself would run.
type Site struct {
	Name   string `yaml:"name"`
	Engine bool   `yaml:"engine,omitempty"`
	// Witnesses answer while the site has power and a line.
	Witnesses []Witness `yaml:"witnesses,omitempty"`
}

// Witness is something at a site, no host, that answers on a TCP port: asked, it
// tells a site that is lost from one that is only cut off.
type Witness struct {
	Name    string `yaml:"name"`
	Address string `yaml:"address"`
	Port    int    `yaml:"port"`
	// Outside is true for what stands elsewhere and is reached over the site's
	// line: the site's power does not matter to it.
	Outside bool `yaml:"outside,omitempty"`
}

// Network is a user network: a switch and a subnet at each site.
type Network struct {
	Name  string        `yaml:"name"`
	Sites []NetworkSite `yaml:"sites"`
}

// NetworkSite is a network at one site.
type NetworkSite struct {
	Site       string   `yaml:"site"`
	Switch     string   `yaml:"switch"`
	Subnet     string   `yaml:"subnet,omitempty"`
	Gateway    string   `yaml:"gateway,omitempty"`
	DNS        []string `yaml:"dns,omitempty"`
	TestSwitch string   `yaml:"test_switch,omitempty"`
	// TestSubnet is where a gateway on TestSwitch shows what stands there, with the
	// same host part.
	TestSubnet string `yaml:"test_subnet,omitempty"`
}

// Host is a simulated Hyper-V host. Sizes are GB (binary).
type Host struct {
	Name      string   `yaml:"name"`
	Site      string   `yaml:"site"`
	FQDN      string   `yaml:"fqdn,omitempty"`
	IP        string   `yaml:"ip"`
	BMC       string   `yaml:"bmc,omitempty"`
	OS        string   `yaml:"os,omitempty"` // 2016, 2019, 2022 (default), 2025
	MemoryGB  int      `yaml:"memory_gb"`
	ReserveGB int      `yaml:"reserve_gb,omitempty"`
	VolumeGB  int      `yaml:"volume_gb,omitempty"`
	Switches  []Switch `yaml:"switches,omitempty"`
	// ClockSkew is added to the host's clock.
	ClockSkew time.Duration `yaml:"clock_skew,omitempty"`
	Replica   Replica       `yaml:"replica"`
	Guardian  Guardian      `yaml:"guardian,omitempty"`
	// BitLocker are the volumes it encrypts; none: the feature is not installed.
	BitLocker []BitLocker `yaml:"bitlocker,omitempty"`
	// Cluster names the failover cluster that it is a node of. ClusterTools is true
	// for a host that has the cmdlets for clusters and is a node of none.
	Cluster      string `yaml:"cluster,omitempty"`
	ClusterTools bool   `yaml:"cluster_tools,omitempty"`
}

// Replica is the host's replica server and its certificate.
type Replica struct {
	Enabled bool `yaml:"enabled"`
	// Auth is Kerberos, Certificate or CertificateAndKerberos.
	Auth string `yaml:"auth,omitempty"`
	// Allow lists the primary servers it accepts; "*" is any.
	Allow []string `yaml:"allow,omitempty"`
	// Thumbprint is derived from the seed when it is empty; Expires is how
	// long from the lab's start the certificate lasts (default two years).
	Thumbprint string        `yaml:"thumbprint,omitempty"`
	Expires    time.Duration `yaml:"expires,omitempty"`
}

// Switch is a virtual switch; Type is External, Internal or Private.
type Switch struct {
	Name string `yaml:"name"`
	Type string `yaml:"type"`
}

// VM is a simulated VM on the host where it runs at first.
type VM struct {
	Name     string `yaml:"name"`
	ID       string `yaml:"id,omitempty"` // empty: derived from seed, place and name
	Host     string `yaml:"host"`
	MemoryGB int    `yaml:"memory_gb"`
	DisksGB  []int  `yaml:"disks_gb,omitempty"`
	// ExcludedGB are disks that the VM has at its first host and does not send.
	ExcludedGB []int  `yaml:"excluded_gb,omitempty"`
	Network    string `yaml:"network,omitempty"`
	IP         string `yaml:"ip,omitempty"`
	// Static is true for a guest that keeps its own address: the failover
	// address is not injected into it.
	Static bool `yaml:"static,omitempty"`
	Off    bool `yaml:"off,omitempty"`
	// Listen are the ports the guest opens when it is up; HTTP those of them
	// that answer HTTP.
	Listen   []int             `yaml:"listen,omitempty"`
	HTTP     []HTTP            `yaml:"http,omitempty"`
	Services map[string]string `yaml:"services,omitempty"` // name to Running or Stopped
	// Boot and Shutdown are simulated durations (defaults 60 s and 30 s).
	Boot     time.Duration `yaml:"boot,omitempty"`
	Shutdown time.Duration `yaml:"shutdown,omitempty"`
	// WritesPerMinute is how busy its users are (default 60).
	WritesPerMinute int    `yaml:"writes_per_minute,omitempty"`
	AutoStart       string `yaml:"auto_start,omitempty"` // Nothing, StartIfRunning (default), Start
	// VTPM is true for a VM with a virtual TPM: it starts only where its guardian's
	// key is. Its guardian is that of the host where it runs at first.
	VTPM bool `yaml:"vtpm,omitempty"`
	// Clustered is true for a VM whose copies are roles where a host is the node of a
	// cluster.
	Clustered bool `yaml:"clustered,omitempty"`
	// Replicate is how it is protected; nil means not at all.
	Replicate *Replicate `yaml:"replicate,omitempty"`
	Note      string     `yaml:"note,omitempty"`
	// Empty is true for a VM that was made while the lab ran: there is no system
	// on its disk.
	Empty bool `yaml:"-"`
}

// ExcludedDisks are the file names of the disks that do not replicate.
func (v VM) ExcludedDisks() []string {
	var out []string
	for i := range v.ExcludedGB {
		out = append(out, fmt.Sprintf("excluded%d.vhdx", i))
	}
	return out
}

// HTTP is a port that answers HTTP: Path with Status, the rest with 404.
type HTTP struct {
	Port   int    `yaml:"port"`
	Path   string `yaml:"path"`
	Status int    `yaml:"status"`
}

// Replicate is how a VM is protected.
type Replicate struct {
	To        string        `yaml:"to"`
	Frequency time.Duration `yaml:"frequency"` // 30s, 5m, 15m
	Points    int           `yaml:"points,omitempty"`
	// AppConsistentHours is every how many hours a point is made
	// application-consistent (0: none; needs points).
	AppConsistentHours int           `yaml:"app_consistent_hours,omitempty"`
	RPO                time.Duration `yaml:"rpo,omitempty"`
	Extend             *Extend       `yaml:"extend,omitempty"`
}

// Extend is the third copy of a VM, made from the second.
type Extend struct {
	To        string        `yaml:"to"`
	Frequency time.Duration `yaml:"frequency"` // 5m, 15m; never more often than the first hop
	Points    int           `yaml:"points,omitempty"`
}

//go:embed *.yaml
var shipped embed.FS

// Load reads a shipped environment by its name, a file by its path, or makes
// one: generate:VMS, generate:VMS,HOSTPAIRS or generate:VMS,HOSTPAIRS,FREQUENCY.
func Load(name string) (*Environment, error) {
	if numbers, ok := strings.CutPrefix(name, "generate:"); ok {
		return generated(numbers)
	}
	if text, err := shipped.ReadFile(name + ".yaml"); err == nil {
		return Parse(text)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("environment %q: shipped are northgate, brightwater and pair; else name a YAML file or generate:VMS,HOSTPAIRS: %w", name, err)
	}
	return Parse(text)
}

func generated(numbers string) (*Environment, error) {
	parts := append(strings.Split(numbers, ","), "", "")
	n, err := strconv.Atoi(parts[0])
	pairs := 1
	if err == nil && parts[1] != "" {
		pairs, err = strconv.Atoi(parts[1])
	}
	var frequencies []time.Duration
	if err == nil && parts[2] != "" {
		var f time.Duration
		f, err = time.ParseDuration(parts[2])
		frequencies = append(frequencies, f)
	}
	if err != nil || len(parts) > 5 || n < 1 || n > 20_000 || pairs < 1 || pairs > 500 || !replicates(frequencies) {
		return nil, fmt.Errorf("generate:%s: write generate:VMS,HOSTPAIRS,FREQUENCY, 1 to 20000 VMs on 1 to 500 pairs of hosts, all at 30s, 5m or 15m (a mixture when left out)", numbers)
	}
	return Generate(n, pairs, frequencies...), nil
}

func replicates(frequencies []time.Duration) bool {
	return !slices.ContainsFunc(frequencies, func(f time.Duration) bool {
		return f != 30*time.Second && f != 5*time.Minute && f != 15*time.Minute
	})
}

// Parse reads an environment strictly: an unknown field is an error with its
// place, and every name that points nowhere is named.
func Parse(text []byte) (*Environment, error) {
	var e Environment
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&e); err != nil {
		return nil, fmt.Errorf("read the environment: %w", err)
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	e.setDefaults()
	return &e, nil
}

func (e *Environment) check() error {
	var found []error
	bad := func(format string, args ...any) { found = append(found, fmt.Errorf(format, args...)) }
	sites, hosts, networks := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, s := range e.Sites {
		sites[s.Name] = true
		for _, w := range s.Witnesses {
			if _, err := netip.ParseAddr(w.Address); err != nil || w.Name == "" || w.Port < 1 || w.Port > 65535 {
				bad("site %q: a witness has a name, an IP address and a port: %+v", s.Name, w)
			}
		}
	}
	if e.LineMBPerS < 0 {
		bad("line_mb_per_s is %d: write a number above 0", e.LineMBPerS)
	}
	for _, n := range e.Networks {
		networks[n.Name] = true
		for _, s := range n.Sites {
			if !sites[s.Site] {
				bad("network %q: there is no site %q", n.Name, s.Site)
			}
			for _, subnet := range []string{s.Subnet, s.TestSubnet} {
				if _, err := netip.ParsePrefix(subnet); subnet == "" || err == nil {
					continue
				}
				bad("network %q: %q is no subnet", n.Name, subnet)
			}
		}
	}
	for _, h := range e.Hosts {
		if h.Name == "" || hosts[h.Name] {
			bad("host %q: names must be there and differ", h.Name)
		}
		hosts[h.Name] = true
		if !sites[h.Site] {
			bad("host %q: there is no site %q", h.Name, h.Site)
		}
	}
	e.checkGuardians(bad)
	for _, vm := range e.VMs {
		e.checkVM(vm, hosts, networks, bad)
	}
	if len(hosts) == 0 {
		bad("an environment needs hosts")
	}
	return errors.Join(found...)
}

func (e *Environment) checkVM(vm VM, hosts, networks map[string]bool, bad func(string, ...any)) {
	if vm.Name == "" {
		bad("a VM on %q has no name", vm.Host)
	}
	if !hosts[vm.Host] {
		bad("VM %q: there is no host %q", vm.Name, vm.Host)
	}
	if vm.Network != "" && !networks[vm.Network] {
		bad("VM %q: there is no network %q", vm.Name, vm.Network)
	}
	r := vm.Replicate
	if r == nil {
		return
	}
	if !hosts[r.To] || r.To == vm.Host {
		bad("VM %q: replicate.to must be another host, is %q", vm.Name, r.To)
	}
	if r.Frequency != 30*time.Second && r.Frequency != 5*time.Minute && r.Frequency != 15*time.Minute {
		bad("VM %q: frequency is 30s, 5m or 15m, not %s", vm.Name, r.Frequency)
	}
	if r.Points < 0 || r.Points > 24 {
		bad("VM %q: points are 0 to 24, not %d", vm.Name, r.Points)
	}
	if r.AppConsistentHours < 0 || r.AppConsistentHours > 12 || (r.AppConsistentHours > 0 && r.Points == 0) {
		bad("VM %q: app_consistent_hours is 1 to 12 and needs points", vm.Name)
	}
	x := r.Extend
	if x == nil {
		return
	}
	if !hosts[x.To] || x.To == vm.Host || x.To == r.To {
		bad("VM %q: replicate.extend.to must be a third host, is %q", vm.Name, x.To)
	}
	if (x.Frequency != 5*time.Minute && x.Frequency != 15*time.Minute) || x.Frequency < r.Frequency {
		bad("VM %q: the frequency of extend is 5m or 15m and not below that of the first hop, is %s", vm.Name, x.Frequency)
	}
}

func (e *Environment) setDefaults() {
	for i := range e.Hosts {
		h := &e.Hosts[i]
		if h.FQDN == "" {
			h.FQDN = strings.ToLower(h.Name) + "." + e.Name + ".example"
		}
		if h.OS == "" {
			h.OS = "2022"
		}
		if h.VolumeGB == 0 {
			h.VolumeGB = 6000
		}
		if h.Replica.Auth == "" {
			h.Replica.Auth = "Kerberos"
		}
		if h.Guardian.KeyServer != "" && h.Guardian.Attestation == "" {
			h.Guardian.Attestation = "Passed"
		}
		if h.Replica.Expires == 0 {
			h.Replica.Expires = 2 * 365 * 24 * time.Hour
		}
	}
	for i := range e.VMs {
		vm := &e.VMs[i]
		if vm.Boot == 0 {
			vm.Boot = time.Minute
		}
		if vm.Shutdown == 0 {
			vm.Shutdown = 30 * time.Second
		}
		if vm.WritesPerMinute == 0 {
			vm.WritesPerMinute = 60
		}
		if vm.AutoStart == "" {
			vm.AutoStart = "StartIfRunning"
		}
		if len(vm.DisksGB) == 0 {
			vm.DisksGB = []int{60}
		}
	}
}

// Host finds a host by its name.
func (e *Environment) Host(name string) (Host, bool) {
	for _, h := range e.Hosts {
		if h.Name == name {
			return h, true
		}
	}
	return Host{}, false
}

// At is a network at a site.
func (e *Environment) At(network, site string) (NetworkSite, bool) {
	for _, n := range e.Networks {
		for _, s := range n.Sites {
			if n.Name == network && s.Site == site {
				return s, true
			}
		}
	}
	return NetworkSite{}, false
}
