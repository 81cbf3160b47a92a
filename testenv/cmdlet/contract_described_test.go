package cmdlet

import "maps"

// described are the cmdlets that the full description of the module lacks,
// written by hand from Microsoft's pages, in the part that is served.
func described() map[string]cmdletDoc {
	out := map[string]cmdletDoc{
		"Get-CimInstance": cimInstance(), "Invoke-CimMethod": cimMethod(), "Get-VMKeyProtector": keyProtector(),
		"ConvertTo-HgsKeyProtector": hgsKeyProtector(), "Get-HgsClientConfiguration": {}, "Get-BitLockerVolume": bitLockerVolume(),
	}
	maps.Copy(out, management())
	return out
}

// cimInstance is the part of Get-CimInstance that is served (Microsoft:
// CimCmdlets, Get-CimInstance).
func cimInstance() cmdletDoc {
	first := 0
	both := func() map[string]setDoc {
		return map[string]setDoc{"ClassNameComputerSet": {}, "ClassNameSessionSet": {}}
	}
	return cmdletDoc{DefaultSet: "ClassNameComputerSet", Params: []paramDoc{
		{Name: "ClassName", Type: "string", Sets: map[string]setDoc{
			"ClassNameComputerSet": {Mandatory: true, Position: &first, Pipeline: "property"},
			"ClassNameSessionSet":  {Mandatory: true, Position: &first, Pipeline: "property"},
		}},
		{Name: "Namespace", Type: "string", Sets: both()},
		{Name: "Filter", Type: "string", Sets: both()},
		{Name: "ComputerName", Type: "string[]", Aliases: []string{"CN", "ServerName"}, Sets: map[string]setDoc{"ClassNameComputerSet": {}}},
		{Name: "CimSession", Type: "CimSession[]", Sets: map[string]setDoc{"ClassNameSessionSet": {Mandatory: true, Pipeline: "value"}}},
	}}
}

// cimMethod is the part of Invoke-CimMethod that is served (Microsoft:
// CimCmdlets, Invoke-CimMethod).
func cimMethod() cmdletDoc {
	first, second, third := 0, 1, 2
	return cmdletDoc{DefaultSet: "CimInstanceComputerSet", ShouldProcess: true, ConfirmImpact: "Medium", Params: []paramDoc{
		{Name: "InputObject", Type: "psobject", Aliases: []string{"CimInstance"}, Sets: map[string]setDoc{"CimInstanceComputerSet": {Mandatory: true, Position: &first, Pipeline: "value"}}},
		{Name: "MethodName", Type: "string", Aliases: []string{"Name"}, Sets: map[string]setDoc{"*": {Mandatory: true, Position: &second}}},
		{Name: "Arguments", Type: "hashtable", Sets: map[string]setDoc{"*": {Position: &third}}},
	}}
}

// management is the part of the cmdlets for files that is served (Microsoft:
// Microsoft.PowerShell.Management).
func management() map[string]cmdletDoc {
	first, second := 0, 1
	path := func(sets map[string]setDoc) paramDoc { return paramDoc{Name: "Path", Type: "string[]", Sets: sets} }
	literal := func(set string) paramDoc {
		return paramDoc{Name: "LiteralPath", Type: "string[]", Aliases: []string{"PSPath"}, Sets: map[string]setDoc{set: {Mandatory: true, Pipeline: "property"}}}
	}
	onOff := func(name string) paramDoc {
		return paramDoc{Name: name, Type: "switch", Switch: true, Sets: map[string]setDoc{"*": {}}}
	}
	both := map[string]setDoc{"Path": {Mandatory: true, Position: &first, Pipeline: "value+property"}}
	return map[string]cmdletDoc{
		"Get-ChildItem": {DefaultSet: "Items", Params: []paramDoc{
			path(map[string]setDoc{"Items": {Position: &first, Pipeline: "value+property"}}), literal("LiteralItems"), onOff("Recurse"), onOff("Force"),
		}},
		"New-Item": {DefaultSet: "pathSet", ShouldProcess: true, ConfirmImpact: "Medium", Params: []paramDoc{
			path(map[string]setDoc{"pathSet": {Mandatory: true, Position: &first, Pipeline: "property"}}),
			{Name: "ItemType", Type: "string", Aliases: []string{"Type"}, Sets: map[string]setDoc{"*": {Pipeline: "property"}}}, onOff("Force"),
		}},
		"Move-Item": {DefaultSet: "Path", ShouldProcess: true, ConfirmImpact: "Medium", Params: []paramDoc{
			path(both), literal("LiteralPath"),
			{Name: "Destination", Type: "string", Sets: map[string]setDoc{"*": {Position: &second, Pipeline: "property"}}}, onOff("Force"),
		}},
		"Remove-Item": {DefaultSet: "Path", ShouldProcess: true, ConfirmImpact: "Medium", Params: []paramDoc{
			path(both), literal("LiteralPath"), onOff("Recurse"), onOff("Force"),
		}},
	}
}

// keyProtector is Get-VMKeyProtector (Microsoft: Hyper-V, Get-VMKeyProtector).
func keyProtector() cmdletDoc {
	first := 0
	return cmdletDoc{DefaultSet: "VMName", ShouldProcess: true, Params: []paramDoc{
		{Name: "CimSession", Type: "CimSession[]", Sets: map[string]setDoc{"VMName": {}}},
		{Name: "ComputerName", Type: "string[]", Sets: map[string]setDoc{"VMName": {}}},
		{Name: "Credential", Type: "pscredential[]", Sets: map[string]setDoc{"VMName": {}}},
		{Name: "VMName", Type: "string[]", Sets: map[string]setDoc{"VMName": {Mandatory: true, Position: &first, Pipeline: "value"}}},
		{Name: "VM", Type: "VirtualMachine[]", Sets: map[string]setDoc{"VMObject": {Mandatory: true, Position: &first, Pipeline: "value"}}},
	}}
}

// hgsKeyProtector is ConvertTo-HgsKeyProtector (Microsoft: HgsClient).
func hgsKeyProtector() cmdletDoc {
	first := 0
	return cmdletDoc{Params: []paramDoc{{Name: "Bytes", Type: "byte[]", Sets: map[string]setDoc{"*": {Mandatory: true, Position: &first}}}}}
}

// bitLockerVolume is Get-BitLockerVolume (Microsoft: BitLocker).
func bitLockerVolume() cmdletDoc {
	first := 0
	return cmdletDoc{DefaultSet: "Default", Params: []paramDoc{
		{Name: "MountPoint", Type: "string[]", Sets: map[string]setDoc{"Default": {Position: &first, Pipeline: "value+property"}}},
	}}
}
