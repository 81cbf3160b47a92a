package cmdlet

import (
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// fields are the properties that the lab knows of an object.
type fields map[string]any

// object makes an object of a class with all the properties the contract gives
// it, in its order. Those the lab does not simulate are $null, or zero where
// the type has no null. aliases are pairs: the alias and the property.
func (c *Commands) object(class string, known fields, aliases ...string) *powershell.Object {
	doc := c.doc.Classes[class]
	types := []string{space + class}
	if doc.Base != "" {
		types = append(types, space+doc.Base)
	}
	o := powershell.NewObject(append(types, "System.Object")...)
	for _, p := range doc.Properties {
		v, ok := known[p.Name]
		if !ok {
			v = c.nothing(p.Type)
		}
		o.Set(p.Name, v)
	}
	if _, ok := o.Get("ComputerName"); ok {
		o.Set("ComputerName", c.host.Name())
	}
	for i := 0; i < len(aliases); i += 2 {
		v, _ := o.Get(aliases[i+1])
		o.Set(aliases[i], v)
	}
	return o
}

// nothing is the value of a property that is not simulated.
func (c *Commands) nothing(t string) any {
	switch t {
	case "Boolean":
		return false
	case "Int32", "Int64", "UInt32", "UInt64":
		return int64(0)
	case "TimeSpan":
		return time.Duration(0)
	case "Guid":
		return powershell.GUID("00000000-0000-0000-0000-000000000000")
	}
	return nil
}

// clock is a moment of the simulation as the host's clock shows it: local, with
// the host's skew; $null for never.
func (c *Commands) clock(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	if h, ok := c.farm.Environment().Host(c.host.Name()); ok {
		t = t.Add(h.ClockSkew)
	}
	return t.In(time.Local)
}

// moment is a time as a caller gave it, by this host's clock, as the simulation
// counts it.
func (c *Commands) moment(t time.Time) time.Time {
	if h, ok := c.farm.Environment().Host(c.host.Name()); ok {
		t = t.Add(-h.ClockSkew)
	}
	return t
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func anys[T any](all []T, as func(T) any) []any {
	out := make([]any, 0, len(all))
	for _, v := range all {
		out = append(out, as(v))
	}
	return out
}

func plain(s string) any { return s }

// machine is a VirtualMachine. VMName and VMId are alias properties.
func (c *Commands) machine(vm hypervisor.VM) *powershell.Object {
	var heartbeat any
	if vm.Heartbeat != "" {
		heartbeat = c.doc.enum("VMHeartbeatStatus", vm.Heartbeat)
	}
	ok := c.doc.enum("VMOperationalStatus", "Ok")
	return c.object("VirtualMachine", fields{
		"Id": powershell.GUID(vm.ID), "Name": vm.Name,
		"State":                c.doc.enum("VMState", vm.Power),
		"ReplicationMode":      c.doc.enum("VMReplicationMode", vm.Mode),
		"ReplicationState":     c.doc.enum("VMReplicationState", vm.State),
		"ReplicationHealth":    c.doc.enum("VMReplicationHealthState", vm.Health),
		"AutomaticStartAction": c.doc.enum("StartAction", vm.AutoStart),
		"AutomaticStopAction":  c.doc.enum("StopAction", vm.AutoStop),
		"Heartbeat":            heartbeat, "Status": vm.Status, "Notes": vm.Notes,
		"OperationalStatus": []any{ok}, "PrimaryOperationalStatus": ok, "StatusDescriptions": []any{vm.Status}, "PrimaryStatusDescription": vm.Status,
		"Version": vm.Version, "Generation": int64(vm.Generation), "MemoryStartup": vm.MemoryStartup, "MemoryAssigned": vm.MemoryAssigned,
		"MemoryMinimum": vm.MemoryStartup, "MemoryMaximum": vm.MemoryStartup, "ProcessorCount": int64(vm.Processors),
		"Uptime": vm.Uptime.Truncate(time.Microsecond), "CreationTime": c.clock(vm.Created),
		"Path": vm.ConfigurationDir, "ConfigurationLocation": vm.ConfigurationDir,
		"HardDrives":      anys(vm.Disks, func(d hypervisor.Disk) any { return c.disk(vm, d) }),
		"NetworkAdapters": anys(vm.Adapters, func(a hypervisor.Adapter) any { return c.adapter(vm, a) }),
	}, "VMName", "Name", "VMId", "Id")
}

// replication is a VMReplication.
func (c *Commands) replication(vm hypervisor.VM, r hypervisor.Relation) *powershell.Object {
	known := c.relation(vm, r)
	for name, v := range (fields{
		"AuthenticationType":       c.doc.enum("ReplicationAuthenticationType", r.Auth),
		"AutoResynchronizeEnabled": r.AutoResync, "AutoResynchronizeIntervalStart": r.AutoResyncStart, "AutoResynchronizeIntervalEnd": r.AutoResyncEnd,
		"CertificateThumbprint": r.Thumbprint, "CompressionEnabled": r.Compression, "EnableWriteOrderPreservationAcrossDisks": true,
		"RecoveryHistory": int64(r.RecoveryHistory), "ReplicaServerPort": int64(r.Port), "ReplicateHostKvpItems": true,
		"ReplicationFrequencySec": int64(r.FrequencySec), "VSSSnapshotFrequencyHour": int64(r.VSSFrequencyHour),
		"VSSSnapshotReplicationEnabled": r.VSSFrequencyHour > 0, "InitialReplicationStartTime": c.clock(r.InitialStart),
		"ExcludedDisks": anys(disksOf(vm, false), func(d hypervisor.Disk) any { return c.disk(vm, d) }),
	}) {
		known[name] = v
	}
	return c.object("VMReplication", known,
		"Name", "VMName", "Id", "VMId", "State", "ReplicationState", "Health", "ReplicationHealth", "Mode", "ReplicationMode",
		"FrequencySec", "ReplicationFrequencySec", "PrimaryServer", "PrimaryServerName", "ReplicaServer", "ReplicaServerName",
		"ReplicaPort", "ReplicaServerPort", "AuthType", "AuthenticationType", "Relationship", "ReplicationRelationshipType")
}

// figures is a VMReplicationHealth, what Measure-VMReplication gives.
func (c *Commands) figures(vm hypervisor.VM, r hypervisor.Relation) *powershell.Object {
	known := c.relation(vm, r)
	for name, v := range (fields{
		"CurrentTask": tasks(r), "LastVSSSnapshotTime": c.clock(r.LastVSS), "MonitoringStartTime": c.clock(r.MonitoringStart), "MonitoringEndTime": c.clock(r.MonitoringEnd),
		"LastReplicationType":           c.doc.enum("VMReplicationType", or(r.LastType, "None")),
		"FailedOverReplicationType":     c.doc.enum("VMReplicationType", or(r.FailoverType, "None")),
		"LastTestFailoverInitiatedTime": c.clock(r.LastTestFailover), "InitialReplicationSize": int64(r.InitialBytes),
		"PendingReplicationSize": int64(r.PendingBytes), "AverageReplicationSize": int64(r.AverageBytes), "MaximumReplicationSize": int64(r.MaxBytes),
		"AverageReplicationLatency": r.AverageLatency, "MaximumReplicationLatency": r.MaxLatency, "ReplicationErrors": int64(r.Errors),
		"SuccessfulReplicationCount": int64(r.Succeeded), "MissedReplicationCount": int64(r.Missed),
		"ReplicationHealthDetails": anys(r.HealthDetails, plain),
	}) {
		known[name] = v
	}
	return c.object("VMReplicationHealth", known,
		"Name", "VMName", "Id", "VMId", "State", "ReplicationState", "Health", "ReplicationHealth", "Mode", "ReplicationMode",
		"LReplTime", "LastReplicationTime", "PReplSize", "PendingReplicationSize", "AvgLatency", "AverageReplicationLatency",
		"AvgReplSize", "AverageReplicationSize", "Relationship", "ReplicationRelationshipType")
}

// tasks is what goes on now. The members of VMCurrentTask are not documented;
// the percentage is that of the host's job (Msvm_ConcreteJob.PercentComplete).
func tasks(r hypervisor.Relation) []any {
	if r.Task == "" {
		return []any{}
	}
	return []any{powershell.NewObject(space+"VMCurrentTask", "System.Object").Set("Name", r.Task).Set("PercentComplete", int64(r.TaskPercent))}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// relation are the properties that VMReplication and VMReplicationHealth share.
func (c *Commands) relation(vm hypervisor.VM, r hypervisor.Relation) fields {
	f := fields{
		"VMId": powershell.GUID(vm.ID), "VMName": vm.Name,
		"ReplicationMode":             c.doc.enum("VMReplicationMode", r.Mode),
		"ReplicationState":            c.doc.enum("VMReplicationState", r.State),
		"ReplicationHealth":           c.doc.enum("VMReplicationHealthState", r.Health),
		"ReplicationRelationshipType": c.doc.enum("VMReplicationRelationshipType", r.Relationship),
		"PrimaryServerName":           r.PrimaryServer, "ReplicaServerName": r.ReplicaServer, "CurrentReplicaServerName": r.CurrentReplicaServer,
		"AllowedPrimaryServer": r.AllowedPrimary, "LastReplicationTime": c.clock(r.LastReplication), "LastAppliedLogTime": c.clock(r.LastApplied),
		"ReplicatedDisks": anys(disksOf(vm, true), func(d hypervisor.Disk) any { return c.disk(vm, d) }),
	}
	if vm.TestVM != "" {
		if test, ok := c.host.VM(vm.TestVM); ok {
			f["TestVirtualMachine"] = c.machine(test)
		}
	}
	return f
}

func disksOf(vm hypervisor.VM, replicated bool) []hypervisor.Disk {
	var out []hypervisor.Disk
	for _, d := range vm.Disks {
		if d.Replicated == replicated {
			out = append(out, d)
		}
	}
	return out
}

// adapter is a VMNetworkAdapter; its id is made of the VM's and its own.
//
// Microsoft: Msvm_SyntheticEthernetPortSettingData.
func (c *Commands) adapter(vm hypervisor.VM, a hypervisor.Adapter) *powershell.Object {
	var switchID any
	for _, s := range c.switches {
		if s.Name == a.Switch {
			switchID = powershell.GUID(s.ID)
		}
	}
	return c.object("VMNetworkAdapter", fields{
		"Id": `Microsoft:` + strings.ToUpper(vm.ID) + `\` + strings.ToUpper(a.ID), "AdapterId": strings.ToUpper(a.ID),
		"Name": a.Name, "VMId": powershell.GUID(vm.ID), "VMName": vm.Name, "MacAddress": a.MAC, "DynamicMacAddressEnabled": true,
		"IsSynthetic": true, "SwitchName": orNull(a.Switch), "SwitchId": switchID, "Connected": a.Switch != "",
		"TestReplicaSwitchName": orNull(a.TestSwitch), "IPAddresses": anys(a.IPs, plain),
	})
}

// disk is a HardDiskDrive.
func (c *Commands) disk(vm hypervisor.VM, d hypervisor.Disk) *powershell.Object {
	return c.object("HardDiskDrive", fields{
		"Path": d.Path, "ControllerType": c.doc.enum("ControllerType", d.Controller), "ControllerNumber": int64(d.ControllerNum),
		"ControllerLocation": int64(d.Slot), "Name": "Hard Drive", "VMId": powershell.GUID(vm.ID), "VMName": vm.Name,
	})
}

// point is a VMSnapshot.
func (c *Commands) point(vm hypervisor.VM, p hypervisor.Point) *powershell.Object {
	return c.object("VMSnapshot", fields{
		"Id": powershell.GUID(p.ID), "Name": p.Name, "VMId": powershell.GUID(vm.ID), "VMName": vm.Name,
		"SnapshotType": c.doc.enum("SnapshotType", p.Type), "CreationTime": c.clock(p.Created), "State": c.doc.enum("VMState", "Off"),
		"Version": vm.Version, "Generation": int64(vm.Generation), "MemoryStartup": vm.MemoryStartup, "ProcessorCount": int64(vm.Processors),
	})
}
