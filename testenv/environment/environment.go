// Package environment describes a simulated world in YAML: hosts and the VMs
// on them. It holds no behaviour; the hypervisor package plays it.
package environment

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/goccy/go-yaml"
)

// Environment is a whole simulated world.
type Environment struct {
	Name  string `yaml:"environment"`
	Hosts []Host `yaml:"hosts"`
	VMs   []VM   `yaml:"vms"`
}

// Host is a simulated Hyper-V host. Sizes are GB (binary).
type Host struct {
	Name      string   `yaml:"name"`
	Site      string   `yaml:"site"`
	FQDN      string   `yaml:"fqdn"`
	IP        string   `yaml:"ip"`
	MemoryGB  int      `yaml:"memory_gb"`
	ReserveGB int      `yaml:"reserve_gb,omitempty"`
	Switches  []Switch `yaml:"switches,omitempty"`
}

// Switch is a virtual switch; Type is External, Internal or Private.
type Switch struct {
	Name string `yaml:"name"`
	Type string `yaml:"type"`
}

// VM is a simulated VM on its first host.
type VM struct {
	Name     string `yaml:"name"`
	ID       string `yaml:"id,omitempty"` // empty: derived from seed and name
	Host     string `yaml:"host"`
	MemoryGB int    `yaml:"memory_gb"`
	IP       string `yaml:"ip,omitempty"`
	Switch   string `yaml:"switch,omitempty"`
	Ports    []int  `yaml:"ports,omitempty"`
	// Boot and Shutdown are simulated durations.
	Boot     time.Duration `yaml:"boot,omitempty"`
	Shutdown time.Duration `yaml:"shutdown,omitempty"`
	// Replica is the host that holds the copy; empty: not protected.
	Replica   string        `yaml:"replica,omitempty"`
	Frequency time.Duration `yaml:"frequency,omitempty"`
}

// Parse reads an environment strictly: an unknown field is an error with its
// place, and every name that points nowhere is named.
func Parse(text []byte) (*Environment, error) {
	var e Environment
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&e); err != nil {
		return nil, fmt.Errorf("read the environment: %w", err)
	}
	hosts := map[string]bool{}
	var errs []error
	for _, h := range e.Hosts {
		if h.Name == "" || hosts[h.Name] {
			errs = append(errs, fmt.Errorf("host %q: give every host a name of its own", h.Name))
		}
		hosts[h.Name] = true
	}
	for _, v := range e.VMs {
		if !hosts[v.Host] {
			errs = append(errs, fmt.Errorf("vm %q: host %q is not listed under hosts", v.Name, v.Host))
		}
		if v.Replica != "" && (!hosts[v.Replica] || v.Replica == v.Host) {
			errs = append(errs, fmt.Errorf("vm %q: replica %q must be another listed host", v.Name, v.Replica))
		}
	}
	return &e, errors.Join(errs...)
}
