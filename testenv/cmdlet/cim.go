package cmdlet

import (
	"strings"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

const (
	cimv2          = "root/cimv2"
	virtualization = "root/virtualization/v2"
	cimType        = "Microsoft.Management.Infrastructure.CimInstance"
)

// instance is an object of a CIM class.
func instance(space, class string) *powershell.Object {
	return powershell.NewObject(cimType+"#"+space+"/"+class, cimType, "System.Object")
}

// getInstance is Get-CimInstance for the operating system, the computer and the
// volume of its VMs, and for what says who replicates them.
//
// Microsoft: Win32_OperatingSystem, Win32_ComputerSystem, Win32_Volume; Hyper-V
// WMI provider, Msvm_ReplicationService, Msvm_ReplicationSettingData,
// Msvm_ComputerSystem.
func getInstance(k *call) error {
	return k.guarded("", func() error {
		space := strings.ReplaceAll(strings.ToLower(k.text("Namespace")), `\`, "/")
		class := strings.ToLower(k.text("ClassName"))
		switch {
		case space == virtualization:
			return k.virtual(class)
		case space != "" && space != cimv2:
			return notSimulated("the namespace " + space)
		case k.has("Filter"):
			return notSimulated("a filter of " + class)
		}
		i := k.host.Info()
		switch class {
		case "win32_operatingsystem":
			_, build, _ := strings.Cut(strings.TrimPrefix(i.Build, "10."), ".")
			return k.put(instance(cimv2, "Win32_OperatingSystem").Set("Caption", i.OS).Set("Version", i.Build).Set("BuildNumber", build).
				Set("CSName", i.Name).Set("LocalDateTime", k.clock(k.farm.Now())).
				Set("TotalVisibleMemorySize", i.Memory>>10).Set("FreePhysicalMemory", max(i.MemoryFree, 0)>>10))
		case "win32_volume":
			return k.put(instance(cimv2, "Win32_Volume").Set("Name", i.Volume).Set("DriveLetter", strings.TrimSuffix(i.Volume, `\`)).Set("DriveType", int64(3)).
				Set("Capacity", int64(i.VolumeSize)).Set("FreeSpace", int64(i.VolumeFree)))
		case "win32_computersystem":
			_, domain, _ := strings.Cut(i.FQDN, ".")
			return k.put(instance(cimv2, "Win32_ComputerSystem").Set("Name", i.Name).Set("Domain", domain).
				Set("TotalPhysicalMemory", i.Memory).Set("NumberOfLogicalProcessors", int64(i.Processors)))
		}
		return k.invalidClass()
	})
}

func (k *call) invalidClass() error {
	return &powershell.ErrorRecord{
		ID: "HRESULT 0x80041010," + k.doc.class(k.name), Category: "MetadataError", Message: "Invalid class " + k.text("ClassName"),
		Type: "Microsoft.Management.Infrastructure.CimException", HResult: "0x80131500",
	}
}

// virtual gives the instances of Hyper-V's own provider. The only filter that it
// knows is a name.
func (k *call) virtual(class string) error {
	wanted := ""
	if k.has("Filter") {
		name, ok := strings.CutPrefix(strings.ReplaceAll(k.text("Filter"), " ", ""), "Name='")
		if !ok || class != "msvm_computersystem" {
			return notSimulated("the filter " + k.text("Filter"))
		}
		wanted = strings.TrimSuffix(name, "'")
	}
	switch class {
	case "msvm_replicationservice":
		return k.put(instance(virtualization, "Msvm_ReplicationService").Set("Name", "vmms").Set("SystemName", k.host.Name()))
	case "msvm_computersystem", "msvm_replicationsettingdata":
	default:
		return k.invalidClass()
	}
	for _, vm := range k.host.VMs() {
		id := strings.ToUpper(vm.ID)
		var out []*powershell.Object
		if class == "msvm_computersystem" && (wanted == "" || strings.EqualFold(wanted, id)) {
			out = append(out, instance(virtualization, "Msvm_ComputerSystem").Set("Name", id).Set("ElementName", vm.Name))
		}
		if class == "msvm_replicationsettingdata" {
			for _, r := range vm.Relations {
				slot := map[string]string{"Simple": "0", "Extended": "1"}[r.Relationship]
				out = append(out, instance(virtualization, "Msvm_ReplicationSettingData").
					Set("InstanceID", `Microsoft:`+id+`\HVR\`+slot).Set("ReplicationProvider", vm.ProviderName()))
			}
		}
		for _, o := range out {
			if err := k.put(o); err != nil {
				return err
			}
		}
	}
	return nil
}

// invokeMethod is Invoke-CimMethod for the one method that ends a replication
// which the cmdlets refuse to touch.
//
// Microsoft: RemoveReplicationRelationship of Msvm_ReplicationService.
func invokeMethod(k *call) error {
	if !strings.EqualFold(k.text("MethodName"), "RemoveReplicationRelationship") {
		return notSimulated("the method " + k.text("MethodName"))
	}
	id := strings.ToLower(argument(k.bound["Arguments"], "ComputerSystem"))
	return k.each([]target{k.byID(id)}, func(vm hypervisor.VM) error {
		code, err := k.host.RemoveRelationship(k.ctx, k.by, vm.ID)
		if err != nil {
			return err
		}
		return k.put(powershell.NewObject("Microsoft.Management.Infrastructure.CimMethodResult", "System.Object").Set("ReturnValue", int64(code)))
	})
}

// argument is the Name of an instance that a method is called with; the
// interpreter hands over a dictionary, the stand-in module an object.
func argument(arguments any, name string) string {
	var v any
	switch a := arguments.(type) {
	case *powershell.Dictionary:
		v, _ = a.Get(name)
	case *powershell.Object:
		v, _ = a.Get(name)
	}
	if o, ok := v.(*powershell.Object); ok {
		v, _ = o.Get("Name")
	}
	return text(v)
}
