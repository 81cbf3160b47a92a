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
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Environment is a whole simulated world.
type Environment struct {
	Name        string    `yaml:"environment"`
	Description string    `yaml:"description,omitempty"`
	Sites       []Site    `yaml:"sites"`
	Networks    []Network `yaml:"networks,omitempty"`
	Hosts       []Host    `yaml:"hosts"`
	VMs         []VM      `yaml:"vms"`
	// Plans are recovery plans in Lifeboat's own format. The lab does not read
	// them: they go into the written configuration as they are.
	Plans []yaml.MapSlice `yaml:"plans,omitempty"`
}

// Site is a place. Engine is true where Lifeboat itself would run.
type Site struct {
	Name   string `yaml:"name"`
	Engine bool   `yaml:"engine,omitempty"`
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
	// ExcludedGB are disks that do not replicate.
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
	// Replicate is how it is protected; nil means not at all.
	Replicate *Replicate `yaml:"replicate,omitempty"`
	Note      string     `yaml:"note,omitempty"`
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
	RPO       time.Duration `yaml:"rpo,omitempty"`
}

//go:embed *.yaml
var shipped embed.FS

// Load reads a shipped environment by its name, a file by its path, or makes
// one: generate:VMS or generate:VMS,HOSTPAIRS.
func Load(name string) (*Environment, error) {
	if numbers, ok := strings.CutPrefix(name, "generate:"); ok {
		return generated(numbers)
	}
	if text, err := shipped.ReadFile(name + ".yaml"); err == nil {
		return Parse(text)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("environment %q: shipped are northgate and pair; else name a YAML file or generate:VMS,HOSTPAIRS: %w", name, err)
	}
	return Parse(text)
}

func generated(numbers string) (*Environment, error) {
	vms, pairs, _ := strings.Cut(numbers, ",")
	n, err := strconv.Atoi(vms)
	p := 1
	if err == nil && pairs != "" {
		p, err = strconv.Atoi(pairs)
	}
	if err != nil || n < 1 || n > 20_000 || p < 1 || p > 500 {
		return nil, fmt.Errorf("generate:%s: write generate:VMS,HOSTPAIRS, 1 to 20000 VMs on 1 to 500 pairs of hosts", numbers)
	}
	return Generate(n, p), nil
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
	}
	for _, n := range e.Networks {
		networks[n.Name] = true
		for _, s := range n.Sites {
			if !sites[s.Site] {
				bad("network %q: there is no site %q", n.Name, s.Site)
			}
			if _, err := netip.ParsePrefix(s.Subnet); s.Subnet != "" && err != nil {
				bad("network %q: %q is no subnet", n.Name, s.Subnet)
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
