package environment

import (
	"fmt"
	"time"

	"github.com/goccy/go-yaml"
)

// Generate makes a world of n VMs on pairs of hosts, one of each pair at site
// a, the other at b, with one plan "all" over them in stages of at most 20. The
// VMs take turns at the frequencies; none means all that Hyper-V has.
func Generate(n, pairs int, frequencies ...time.Duration) *Environment {
	if len(frequencies) == 0 {
		frequencies = []time.Duration{30 * time.Second, 5 * time.Minute, 15 * time.Minute}
	}
	e := &Environment{
		Name: fmt.Sprintf("generated-%d-%d", n, pairs), Description: "made by generate",
		Sites: []Site{{Name: "a"}, {Name: "b", Engine: true}},
		Networks: []Network{{Name: "lan", Sites: []NetworkSite{
			{Site: "a", Switch: "vSwitch-A", Subnet: "10.10.0.0/16", Gateway: "10.10.0.1"},
			{Site: "b", Switch: "vSwitch-B", Subnet: "10.20.0.0/16", Gateway: "10.20.0.1"},
		}}},
	}
	perHost := (n + pairs - 1) / pairs
	for p := range pairs {
		for _, site := range []string{"a", "b"} {
			e.Hosts = append(e.Hosts, Host{
				Name: fmt.Sprintf("HV-%s%03d", site, p+1), Site: site, IP: fmt.Sprintf("10.%d.%d.%d", map[string]int{"a": 10, "b": 20}[site], 250, p%250+1),
				MemoryGB: 8 + perHost*2, Switches: []Switch{{Name: map[string]string{"a": "vSwitch-A", "b": "vSwitch-B"}[site], Type: "External"}},
				Replica: Replica{Enabled: true, Auth: "Certificate", Allow: []string{"*"}},
			})
		}
	}
	for i := range n {
		p := i % pairs
		e.VMs = append(e.VMs, VM{
			Name: fmt.Sprintf("VM-%05d", i+1), Host: fmt.Sprintf("HV-a%03d", p+1), MemoryGB: 1, Network: "lan",
			IP:   fmt.Sprintf("10.10.%d.%d", i/200%200+1, i%200+10),
			Boot: time.Duration(20+i%20) * time.Second, Shutdown: time.Duration(10+i%10) * time.Second,
			Replicate: &Replicate{To: fmt.Sprintf("HV-b%03d", p+1), Frequency: frequencies[i%len(frequencies)]},
		})
	}
	e.Plans = []yaml.MapSlice{planOf(e)}
	e.setDefaults()
	return e
}

// planOf puts all VMs into one plan, twenty a stage.
func planOf(e *Environment) yaml.MapSlice {
	var steps []yaml.MapSlice
	for at := 0; at < len(e.VMs); at += 20 {
		var vms []yaml.MapSlice
		for _, vm := range e.VMs[at:min(at+20, len(e.VMs))] {
			vms = append(vms, yaml.MapSlice{{Key: "vm", Value: vm.Name}, {Key: "gates", Value: []yaml.MapSlice{{{Key: "heartbeat", Value: yaml.MapSlice{{Key: "healthy", Value: false}}}}}}})
		}
		steps = append(steps, yaml.MapSlice{{Key: "stage", Value: fmt.Sprintf("stage-%d", at/20+1)}, {Key: "parallel", Value: 10}, {Key: "vms", Value: vms}})
	}
	return yaml.MapSlice{
		{Key: "name", Value: "all"}, {Key: "from", Value: "a"}, {Key: "to", Value: "b"},
		{Key: "limits", Value: yaml.MapSlice{{Key: "shutdown", Value: 10}, {Key: "move", Value: 10}, {Key: "start", Value: 10}}},
		{Key: "steps", Value: steps},
	}
}
