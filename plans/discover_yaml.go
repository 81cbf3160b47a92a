package plans

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// yamlWriter writes the configuration by hand: comments have their place then.
type yamlWriter struct{ strings.Builder }

func (w *yamlWriter) line(indent int, format string, args ...any) {
	w.WriteString(strings.Repeat(" ", indent) + fmt.Sprintf(format, args...) + "\n")
}

// ask is a comment: names in it are data and must not end it.
func (w *yamlWriter) ask(indent int, text string) {
	if text == "" {
		return
	}
	w.line(indent, "# %s", strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text))
}

var plainWord = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*([._-][A-Za-z0-9]+)*$`)

// yamlWord is a text as YAML reads it back: JSON's quotes are YAML's too.
func yamlWord(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
	default:
		if plainWord.MatchString(s) {
			return s
		}
	}
	text, _ := json.Marshal(s) // a string always has a form
	return string(text)
}

func (d *discoverer) write() []byte {
	w := &yamlWriter{}
	w.ask(0, "Written by lifeboat init from what the hosts said; nothing was changed there.")
	w.ask(0, "Look at every line with a comment: no host can tell that.")
	w.line(0, "version: 1")
	w.line(0, "sites:")
	if d.chosen.Engine == "" {
		w.ask(2, "Set engine: true at the site where Lifeboat runs: no plan moves that one.")
	}
	for _, s := range d.cfg.Sites {
		w.line(2, "- name: %s", yamlWord(s.Name))
		if s.Engine {
			w.line(4, "engine: true")
		}
	}
	d.writeNetworks(w)
	w.line(0, "hosts:")
	for _, h := range d.cfg.Hosts {
		d.writeHost(w, h)
	}
	d.writeGroups(w)
	if len(d.loose) > 0 {
		w.ask(0, "Not protected:")
		for _, name := range d.loose {
			w.ask(0, "  "+name)
		}
	}
	d.writePlans(w)
	return []byte(w.String())
}

func (d *discoverer) writeNetworks(w *yamlWriter) {
	if len(d.cfg.Networks) == 0 {
		return
	}
	w.line(0, "networks:")
	for _, n := range d.cfg.Networks {
		w.ask(2, "named after the switch it was found on: call it as your users do")
		w.line(2, "- name: %s", yamlWord(n.Name))
		w.line(4, "sites:")
		for _, s := range n.Sites {
			w.ask(6, d.guessed["network "+n.Name+" at "+s.Site])
			w.ask(6, s.untold())
			w.line(6, "- site: %s", yamlWord(s.Site))
			w.line(8, "switch: %s", yamlWord(s.Switch))
			if s.Subnet != "" {
				w.line(8, "subnet: %s", s.Subnet)
			}
			if s.Gateway != "" {
				w.line(8, "gateway: %s", s.Gateway)
			}
			if len(s.DNS) > 0 {
				w.line(8, "dns: [%s]", quoteAll(s.DNS))
			}
			if s.TestSwitch != "" {
				w.ask(8, "a private switch; must be for test failovers alone")
				w.line(8, "test_switch: %s", yamlWord(s.TestSwitch))
			}
		}
	}
}

func (d *discoverer) writeHost(w *yamlWriter, h Host) {
	w.line(2, "- name: %s", yamlWord(h.Name))
	w.ask(4, d.guessed["host "+h.Name])
	w.line(4, "site: %s", yamlWord(h.Site))
	w.line(4, "address: %s", yamlWord(h.Address))
	w.line(4, "winrm:")
	for _, f := range [][2]string{{"transport", h.WinRM.Transport}, {"auth", h.WinRM.Auth}, {"user", h.WinRM.User}, {"domain", h.WinRM.Domain}, {"secret", string(h.WinRM.Secret)}, {"ca", h.WinRM.CA}, {"server_name", h.WinRM.ServerName}} {
		if f[1] != "" {
			w.line(6, "%s: %s", f[0], yamlWord(f[1]))
		}
	}
	if h.WinRM.Port > 0 {
		w.line(6, "port: %d", h.WinRM.Port)
	}
	for _, f := range [][2]string{{"replica_name", h.ReplicaName}, {"certificate_thumbprint", h.CertificateThumbprint}, {"replica_storage", h.ReplicaStorage}} {
		if f[1] != "" {
			w.line(4, "%s: %s", f[0], yamlWord(f[1]))
		}
	}
}

func (d *discoverer) writeGroups(w *yamlWriter) {
	if len(d.cfg.Groups) == 0 {
		w.ask(0, "No host replicates anything: write groups: and say lifeboat protect.")
		w.line(0, "groups: []")
		return
	}
	w.line(0, "groups:")
	for _, g := range d.cfg.Groups {
		w.line(2, "- name: %s", yamlWord(g.Name))
		w.line(4, "from: %s", yamlWord(g.From))
		w.line(4, "to: %s", yamlWord(g.To))
		w.line(4, "frequency: %s", Duration(g.Frequency))
		w.line(4, "recovery_points: %d", g.RecoveryPoints)
		w.line(4, "authentication: %s", g.Authentication)
		w.line(4, "app_consistent: %s", *g.AppConsistent)
		w.line(4, "compression: %t", *g.Compression)
		w.ask(4, fmt.Sprintf("rpo: %s   (how old a copy may be; this is the default)", 3*Duration(g.Frequency)))
		if e := g.Extends; e != nil {
			w.line(4, "extends: {to: %s, frequency: %s}", yamlWord(e.To), Duration(e.Frequency))
		}
		w.line(4, "vms:")
		for _, vm := range g.VMs {
			d.writeVM(w, vm)
		}
	}
}

func (d *discoverer) writeVM(w *yamlWriter, vm ProtectedVM) {
	w.line(6, "- name: %s", yamlWord(vm.Name))
	w.line(8, "id: %s", vm.ID)
	w.line(8, "memory: %s", vm.Memory)
	if len(vm.NICs) > 0 {
		w.line(8, "nics:")
	}
	for _, n := range vm.NICs {
		text := "network: " + yamlWord(n.Network)
		if n.Adapter != "" {
			text += ", adapter: " + yamlWord(n.Adapter)
		}
		if n.IP != "" {
			text += ", ip: " + n.IP
		}
		w.line(10, "- {%s}", text)
	}
	if len(vm.ExcludedDisks) > 0 {
		w.line(8, "excluded_disks: [%s]", quoteAll(vm.ExcludedDisks))
	}
	for _, text := range d.decide[vm.ID] {
		w.ask(8, text)
	}
}
