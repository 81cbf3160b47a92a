package cmdlet

import (
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// getVM is Get-VM. Without a name it passes the gate once, for the host.
func getVM(k *call) error {
	return k.readEach(func(vm hypervisor.VM) error { return k.put(k.machine(vm)) })
}

// readEach reads the named VMs one by one, each behind the gate, or all of the
// host behind one.
func (k *call) readEach(do func(hypervisor.VM) error) error {
	vms, named := k.targets()
	if named {
		return k.each(vms, func(vm hypervisor.VM) error { return do(vm) })
	}
	return k.guarded("", func() error {
		for _, t := range vms {
			if err := do(t.vm); err != nil {
				return err
			}
		}
		return nil
	})
}

// getReplication is Get-VMReplication: a VM that does not replicate is an error
// when it is named and passed over when it is not.
func getReplication(k *call) error {
	return k.relations(func(vm hypervisor.VM, r hypervisor.Relation) any { return k.replication(vm, r) })
}

// measureReplication is Measure-VMReplication.
func measureReplication(k *call) error {
	return k.relations(func(vm hypervisor.VM, r hypervisor.Relation) any { return k.figures(vm, r) })
}

func (k *call) relations(as func(hypervisor.VM, hypervisor.Relation) any) error {
	if k.text("ReplicationState") == "Disabled" || k.text("ReplicationMode") == "None" {
		return &hypervisor.Refusal{Kind: "InvalidParameter", Category: "InvalidArgument", Message: "A virtual machine that does not replicate has no replication to get."}
	}
	_, named := k.targets()
	return k.readEach(func(vm hypervisor.VM) error {
		if named && len(vm.Relations) == 0 && !k.farm.Options().Dialect.QuietReplication {
			return k.notApplicable(vm)
		}
		for _, r := range vm.Relations {
			if !k.wants(r) {
				continue
			}
			if err := k.put(as(vm, r)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (k *call) notApplicable(vm hypervisor.VM) error {
	return &hypervisor.Refusal{Kind: "InvalidOperation", Category: "InvalidOperation", Message: fmt.Sprintf("'%s' is not applicable on virtual machine '%s'.", k.name, vm.Name)}
}

// wants applies the filters of Get-VMReplication.
func (k *call) wants(r hypervisor.Relation) bool {
	for name, is := range map[string]string{
		"ReplicationState": r.State, "ReplicationHealth": r.Health, "ReplicationMode": r.Mode, "ReplicationRelationshipType": r.Relationship,
	} {
		if k.has(name) && !strings.EqualFold(k.text(name), is) {
			return false
		}
	}
	for name, is := range map[string]string{"ReplicaServerName": r.ReplicaServer, "PrimaryServerName": r.PrimaryServer} {
		if k.has(name) && !fits(k.text(name), is) {
			return false
		}
	}
	return true
}

// getPoints is Get-VMSnapshot.
func getPoints(k *call) error {
	if k.has("Id") {
		return k.guarded("", func() error { return k.pointByID(k.text("Id")) })
	}
	return k.readEach(func(vm hypervisor.VM) error {
		for _, p := range vm.Points {
			if k.has("Name") && !fits(k.text("Name"), p.Name) || k.has("SnapshotType") && k.text("SnapshotType") != p.Type {
				continue
			}
			if err := k.put(k.point(vm, p)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (k *call) pointByID(id string) error {
	for _, vm := range k.host.VMs() {
		for _, p := range vm.Points {
			if strings.EqualFold(p.ID, id) {
				return k.put(k.point(vm, p))
			}
		}
	}
	return &hypervisor.Refusal{Kind: "InvalidParameter", Category: "InvalidArgument", Message: "Hyper-V was unable to find a checkpoint with ID " + id + "."}
}

// getDisks is Get-VMHardDiskDrive.
func getDisks(k *call) error {
	return k.readEach(func(vm hypervisor.VM) error {
		for _, d := range vm.Disks {
			other := k.has("ControllerType") && !strings.EqualFold(k.text("ControllerType"), d.Controller) ||
				k.has("ControllerNumber") && k.number("ControllerNumber") != d.ControllerNum ||
				k.has("ControllerLocation") && k.number("ControllerLocation") != d.Slot
			if other {
				continue
			}
			if err := k.put(k.disk(vm, d)); err != nil {
				return err
			}
		}
		return nil
	})
}

// getVHD is Get-VHD for files.
func getVHD(k *call) error {
	return k.guarded("", func() error {
		for _, path := range texts(k.bound["Path"]) {
			d, ok := k.host.VHD(path)
			if !ok {
				return &hypervisor.Refusal{Kind: "ObjectNotFound", Category: "ObjectNotFound", Message: "The system cannot find the file " + path + "."}
			}
			kind := "Dynamic"
			if d.Parent != "" {
				kind = "Differencing"
			}
			o := powershell.NewObject("Microsoft.Vhd.PowerShell.VirtualHardDisk", "System.Object")
			if err := k.put(o.Set("Path", d.Path).Set("ParentPath", d.Parent).Set("VhdType", kind).Set("FileSize", int64(d.UsedBytes)).Set("Size", int64(d.SizeBytes))); err != nil {
				return err
			}
		}
		return nil
	})
}

// getHost is Get-VMHost.
func getHost(k *call) error {
	return k.guarded("", func() error {
		i := k.host.Info()
		return k.put(k.object("VMHost", fields{
			"Name": i.Name, "FullyQualifiedDomainName": i.FQDN, "LogicalProcessorCount": int64(i.Processors), "MemoryCapacity": i.Memory,
			"VirtualMachinePath": i.DefaultPath, "VirtualHardDiskPath": i.DefaultPath, "SupportedVmVersions": anys(i.Supported, plain),
		}))
	})
}

// getVersions is Get-VMHostSupportedVersion; the newest is the default.
func getVersions(k *call) error {
	return k.guarded("", func() error {
		i := k.host.Info()
		for n, v := range i.Supported {
			last := n == len(i.Supported)-1
			if k.on("Default") && !last {
				continue
			}
			if err := k.put(k.object("VMHostSupportedVersion", fields{"Name": i.OS, "Version": v, "IsDefault": last})); err != nil {
				return err
			}
		}
		return nil
	})
}

// getSwitch is Get-VMSwitch.
func getSwitch(k *call) error {
	return k.guarded("", func() error {
		found := false
		for _, s := range k.switches {
			if k.has("Name") && !fits(k.text("Name"), s.Name) || k.has("Id") && !strings.EqualFold(k.text("Id"), s.ID) {
				continue
			}
			found = true
			if k.has("SwitchType") && !contains(texts(k.bound["SwitchType"]), s.Type) {
				continue
			}
			o := k.object("VMSwitch", fields{"Id": powershell.GUID(s.ID), "Name": s.Name, "SwitchType": k.doc.enum("VMSwitchType", s.Type), "AllowManagementOS": s.Type == "External"})
			if err := k.put(o); err != nil {
				return err
			}
		}
		if wanted := k.text("Name") + k.text("Id"); !found && wanted != "" && !strings.ContainsAny(wanted, "*?[") {
			return &hypervisor.Refusal{Kind: "InvalidParameter", Category: "InvalidArgument", Message: "Hyper-V was unable to find a virtual switch called " + wanted + "."}
		}
		return nil
	})
}

// getReplicaServer is Get-VMReplicationServer.
func getReplicaServer(k *call) error {
	return k.guarded("", func() error { return k.put(k.replicaServer()) })
}

func (c *Commands) replicaServer() *powershell.Object {
	r := c.host.Info().Replica
	return c.object("VMReplicationServer", fields{
		"ReplicationEnabled": r.Enabled, "AllowedAuthenticationType": c.doc.enum("RecoveryAuthenticationType", or(r.Auth, "Kerberos")),
		"KerberosAuthenticationPort": int64(r.KerberosPort), "CertificateAuthenticationPort": int64(r.CertificatePort),
		"CertificateThumbprint": r.Thumbprint, "ReplicationAllowedFromAnyServer": r.AnyServer, "DefaultStorageLocation": r.Storage,
		"AuthorizationEntries": anys(r.Entries, func(a hypervisor.Authorization) any { return c.entry(a) }),
		"OperationalStatus":    []any{c.doc.enum("VMReplicationServerOperationalStatus", "Ok")},
	}, "RepEnabled", "ReplicationEnabled", "AuthType", "AllowedAuthenticationType")
}

func (c *Commands) entry(a hypervisor.Authorization) *powershell.Object {
	return c.object("VMReplicationAuthorizationEntry", fields{
		"AllowedPrimaryServer": a.Primary, "ReplicaStorageLocation": a.Storage, "TrustGroup": a.TrustGroup,
	}, "AllowedPS", "AllowedPrimaryServer", "StorageLoc", "ReplicaStorageLocation")
}

// getEntries is Get-VMReplicationAuthorizationEntry.
func getEntries(k *call) error {
	return k.guarded("", func() error {
		for _, a := range k.host.Info().Replica.Entries {
			other := k.has("AllowedPrimaryServer") && !strings.EqualFold(k.text("AllowedPrimaryServer"), a.Primary) ||
				k.has("ReplicaStorageLocation") && !strings.EqualFold(k.text("ReplicaStorageLocation"), a.Storage) ||
				k.has("TrustGroup") && !strings.EqualFold(k.text("TrustGroup"), a.TrustGroup)
			if other {
				continue
			}
			if err := k.put(k.entry(a)); err != nil {
				return err
			}
		}
		return nil
	})
}

// connectionWorks is the cmdlet's own text (Microsoft: "Configure replication
// and failover for a cluster").
const connectionWorks = "The connection to the specified Replica server with the specified parameters was successful."

// testConnection is Test-VMReplicationConnection.
func testConnection(k *call) error {
	return k.guarded("", func() error {
		err := k.host.TestConnection(k.ctx, k.by, k.text("ReplicaServerName"), k.number("ReplicaServerPort"), k.text("AuthenticationType"), k.text("CertificateThumbprint"))
		if err != nil {
			return err
		}
		return k.put(connectionWorks)
	})
}
