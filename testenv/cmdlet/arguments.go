package cmdlet

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// target is a VM that a call names, or why it cannot be had.
type target struct {
	vm  hypervisor.VM
	err error
}

// targets are the VMs that a call names by object, name or id; named is false
// when it names none, which in a reading cmdlet means all.
func (k *call) targets() (found []target, named bool) {
	for _, parameter := range []string{"VM", "VMReplication", "VMSnapshot"} {
		if v, ok := k.bound[parameter]; ok {
			for _, o := range list(v) {
				found = append(found, k.byID(idOf(o)))
			}
			return found, true
		}
	}
	if id, ok := k.bound["Id"]; ok && !isNothing(id) && k.name == "Get-VM" {
		return []target{k.byID(text(id))}, true
	}
	names, ok := k.bound["VMName"]
	if !ok && namesVM[k.name] {
		names, ok = k.bound["Name"]
	}
	if !ok || isNothing(names) {
		for _, vm := range k.host.VMs() {
			found = append(found, target{vm: vm})
		}
		return found, false
	}
	for _, name := range texts(names) {
		found = append(found, k.byName(name)...)
	}
	return found, true
}

// namesVM are the cmdlets whose parameter Name is a VM's name.
var namesVM = map[string]bool{"Get-VM": true, "Start-VM": true, "Stop-VM": true, "Set-VM": true, "Remove-VM": true}

func (k *call) byID(id string) target {
	if vm, ok := k.host.VM(strings.ToLower(id)); ok {
		return target{vm: vm}
	}
	return target{err: unknownVM("ID", id)}
}

// byName finds every VM of the name: names are not unique on a host. A pattern
// that fits none is no error, a plain name is.
//
// Microsoft: Get-VM -Name, about_Wildcards.
func (k *call) byName(name string) []target {
	var found []target
	for _, vm := range k.host.VMs() {
		if fits(name, vm.Name) {
			found = append(found, target{vm: vm})
		}
	}
	if len(found) == 0 && !strings.ContainsAny(name, "*?[") {
		return []target{{err: unknownVM("name", strconv.Quote(name))}}
	}
	return found
}

// fits matches a name with PowerShell's wildcards, whatever the case; a broken
// pattern fits only itself. A backtick makes the next sign plain.
func fits(pattern, name string) bool {
	const slash = "\uf8ff" // path.Match stops at slashes, PowerShell does not
	p := strings.NewReplacer("`", `\`, `\`, `\\`, "/", slash).Replace(strings.ToLower(pattern))
	ok, err := path.Match(p, strings.ReplaceAll(strings.ToLower(name), "/", slash))
	return ok || err != nil && strings.EqualFold(pattern, name)
}

// idOf is the id of the VM that an object is or belongs to.
func idOf(o any) string {
	object, ok := o.(*powershell.Object)
	if !ok {
		return text(o)
	}
	if v, ok := object.Get("VMId"); ok && !isNothing(v) {
		return text(v)
	}
	v, _ := object.Get("Id")
	return text(v)
}

// relationship is which of a VM's relationships a call is about: the one whose
// type it names, the one that it was given as an object, else the simple one.
//
// Microsoft: Remove-VMReplication, whose sets with -VMReplication take no
// -ReplicationRelationshipType.
func (k *call) relationship() string {
	if k.has("ReplicationRelationshipType") {
		return k.text("ReplicationRelationshipType")
	}
	for _, o := range list(k.bound["VMReplication"]) {
		if object, ok := o.(*powershell.Object); ok {
			if v, ok := object.Get("ReplicationRelationshipType"); ok && !isNothing(v) {
				return text(v)
			}
		}
	}
	return "Simple"
}

// adapterOf is the VM and the adapter's own id that an adapter object stands for.
func adapterOf(o any) (vm, adapter string) {
	object, ok := o.(*powershell.Object)
	if !ok {
		return "", ""
	}
	v, _ := object.Get("Id")
	id := text(v)
	return idOf(o), strings.ToLower(id[strings.LastIndexByte(id, '\\')+1:])
}

func (k *call) has(name string) bool { v, ok := k.bound[name]; return ok && !isNothing(v) }

func (k *call) text(name string) string { return text(k.bound[name]) }

func (k *call) on(name string) bool { return truth(k.bound[name]) }

func (k *call) number(name string) int {
	n, err := strconv.Atoi(text(k.bound[name]))
	if err != nil {
		return 0
	}
	return n
}

// list makes one value a list of one.
func list(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	case []string:
		out := make([]any, len(v))
		for i, s := range v {
			out[i] = s
		}
		return out
	}
	return []any{v}
}

func texts(v any) []string {
	var out []string
	for _, each := range list(v) {
		out = append(out, text(each))
	}
	return out
}

// text is a value as PowerShell shows it in a string.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case powershell.GUID:
		return string(v)
	case powershell.Enum:
		return v.Name
	}
	return fmt.Sprint(v)
}

func truth(v any) bool { b, _ := v.(bool); return b }

func isNothing(v any) bool { return v == nil }

func contains(all []string, one string) bool { return slices.Contains(all, one) }
