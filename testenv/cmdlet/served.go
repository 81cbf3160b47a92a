package cmdlet

// served are the cmdlets of the module that this lab simulates. It is filled
// once, here: a map literal of functions that mention it would be a cycle.
var served map[string]servedCmdlet

func init() {
	one := []string{"VM", "VMName"}
	relation := []string{"VM", "VMName", "VMReplication", "ReplicationRelationshipType"}
	ask := []string{"VM", "VMName", "ReplicaServerName", "PrimaryServerName", "ReplicationState", "ReplicationHealth", "ReplicationMode", "ReplicationRelationshipType"}
	served = map[string]servedCmdlet{
		"Get-VM":                                    {run: getVM, params: []string{"Name", "Id"}},
		"Get-VMHost":                                {run: getHost},
		"Get-VMHostSupportedVersion":                {run: getVersions, params: []string{"Default"}},
		"Get-VMSwitch":                              {run: getSwitch, params: []string{"Name", "Id", "SwitchType"}},
		"Get-VMReplicationServer":                   {run: getReplicaServer},
		"Get-VMReplicationAuthorizationEntry":       {run: getEntries, params: []string{"AllowedPrimaryServer", "ReplicaStorageLocation", "TrustGroup"}},
		"Get-VMReplication":                         {run: getReplication, params: ask},
		"Measure-VMReplication":                     {run: measureReplication, params: ask},
		"Get-VMSnapshot":                            {run: getPoints, params: []string{"VM", "VMName", "Name", "Id", "SnapshotType"}},
		"Get-VHD":                                   {run: getVHD, params: []string{"Path"}},
		"Get-VMHardDiskDrive":                       {run: getDisks, params: []string{"VM", "VMName", "ControllerLocation", "ControllerNumber", "ControllerType"}},
		"Get-VMNetworkAdapter":                      {run: getAdapters, params: []string{"VM", "VMName", "Name", "All"}},
		"Get-VMNetworkAdapterFailoverConfiguration": {run: getFailoverAddress, params: []string{"VM", "VMName", "VMNetworkAdapter", "VMNetworkAdapterName"}},
		"Test-VMReplicationConnection": {run: testConnection, params: []string{
			"ReplicaServerName", "ReplicaServerPort", "AuthenticationType", "CertificateThumbprint",
		}},
		"Get-VMSecurity":             {run: getSecurity, params: one},
		"Get-VMKeyProtector":         {run: getKeyProtector, params: one},
		"ConvertTo-HgsKeyProtector":  {run: convertProtector, params: []string{"Bytes"}},
		"Get-HgsClientConfiguration": {run: getGuardianClient},
		"Get-BitLockerVolume":        {run: getBitLocker},

		"Get-ChildItem":   {run: getChildItem, params: []string{"Path", "LiteralPath", "Recurse", "Force"}},
		"Get-CimInstance": {run: getInstance, params: []string{"ClassName", "Namespace", "Filter"}},

		"Set-VMNetworkAdapterFailoverConfiguration": {run: setFailoverAddress, changes: true, params: []string{
			"VM", "VMName", "VMNetworkAdapter", "VMNetworkAdapterName", "IPv4Address", "IPv4SubnetMask", "IPv4DefaultGateway",
			"IPv4PreferredDNSServer", "IPv4AlternateDNSServer", "ClearFailoverIPv4Settings",
		}},
		"Connect-VMNetworkAdapter":    {run: connect, changes: true, params: []string{"VMNetworkAdapter", "VMName", "Name", "SwitchName", "VMSwitch"}},
		"Set-VMNetworkAdapter":        {run: setAdapter, changes: true, params: []string{"VMNetworkAdapter", "VM", "VMName", "Name", "TestReplicaSwitchName"}},
		"Disconnect-VMNetworkAdapter": {run: disconnect, changes: true, params: []string{"VMNetworkAdapter", "VMName", "Name"}},
		"Start-VM":                    {run: startVM, changes: true, params: []string{"VM", "Name"}},
		"Stop-VM":                     {run: stopVM, changes: true, params: []string{"VM", "Name", "Save", "TurnOff", "Force"}},
		"Set-VM":                      {run: setVM, changes: true, params: []string{"VM", "Name", "AutomaticStartAction", "Notes"}},
		"New-VM":                      {run: newVM, changes: true, params: []string{"Name", "MemoryStartupBytes", "Generation", "NewVHDPath", "NewVHDSizeBytes"}},
		"Start-VMFailover":            {run: startFailover, changes: true, params: []string{"VM", "VMName", "VMRecoverySnapshot", "AsTest", "Prepare"}},
		"Stop-VMFailover":             {run: stopFailover, changes: true, params: one},
		"Complete-VMFailover":         {run: completeFailover, changes: true, params: one},
		"Set-VMReplication": {run: setReplication, changes: true, params: []string{
			"VM", "VMName", "VMReplication", "Reverse", "AsReplica", "AllowedPrimaryServer",
			"ReplicaServerName", "ReplicaServerPort", "AuthenticationType", "CertificateThumbprint", "CompressionEnabled",
			"DisableVSSSnapshotReplication", "VSSSnapshotFrequencyHour", "RecoveryHistory", "ReplicationFrequencySec", "ReplicatedDisks", "ReplicatedDiskPaths",
		}},
		"Remove-VMReplication":        {run: removeReplication, changes: true, params: relation},
		"Suspend-VMReplication":       {run: suspendReplication, changes: true, params: relation},
		"Resume-VMReplication":        {run: resumeReplication, changes: true, params: append([]string{"Resynchronize", "Continue"}, relation...)},
		"Start-VMInitialReplication":  {run: startInitial, changes: true, params: []string{"VM", "VMName", "VMReplication", "UseBackup", "DestinationPath", "InitialReplicationStartTime"}},
		"Stop-VMInitialReplication":   {run: stopInitial, changes: true, params: []string{"VM", "VMName", "VMReplication"}},
		"Import-VMInitialReplication": {run: importInitial, changes: true, params: []string{"VM", "VMName", "VMReplication", "Path"}},
		"Enable-VMReplication": {run: enableReplication, changes: true, params: []string{
			"VM", "VMName", "ReplicaServerName", "ReplicaServerPort", "AuthenticationType", "CertificateThumbprint", "CompressionEnabled",
			"VSSSnapshotFrequencyHour", "RecoveryHistory", "ReplicationFrequencySec", "ExcludedVhd", "ExcludedVhdPath", "AsReplica", "AllowedPrimaryServer",
		}},
		"New-Item":    {run: newItem, changes: true, params: []string{"Path", "ItemType", "Force"}},
		"Move-Item":   {run: moveItem, changes: true, params: []string{"LiteralPath", "Destination", "Force"}},
		"Remove-Item": {run: removeItem, changes: true, params: []string{"LiteralPath", "Recurse", "Force"}},

		"Get-ClusterNode":      {run: getClusterNode},
		"Get-ClusterGroup":     {run: getClusterGroup},
		"Get-ClusterResource":  {run: getClusterResource},
		"Get-ClusterParameter": {run: getClusterParameter, params: []string{"InputObject"}},
		"Remove-ClusterGroup":  {run: removeClusterGroup, changes: true, params: []string{"VMId", "RemoveResources", "Force"}},

		"Invoke-CimMethod":  {run: invokeMethod, changes: true, params: []string{"InputObject", "MethodName", "Arguments"}},
		"Remove-VMSnapshot": {run: removeSnapshot, changes: true, params: []string{"VMSnapshot"}},

		"Remove-VM": {run: removeVM, changes: true, params: []string{"VM", "Name", "Force"}},
		"Set-VMReplicationServer": {run: setReplicaServer, changes: true, params: []string{
			"ReplicationEnabled", "AllowedAuthenticationType", "ReplicationAllowedFromAnyServer", "CertificateThumbprint",
			"DefaultStorageLocation", "KerberosAuthenticationPort", "CertificateAuthenticationPort", "Force",
		}},
		"New-VMReplicationAuthorizationEntry":    {run: newEntry, changes: true, params: []string{"AllowedPrimaryServer", "ReplicaStorageLocation", "TrustGroup"}},
		"Remove-VMReplicationAuthorizationEntry": {run: removeEntry, changes: true, params: []string{"AllowedPrimaryServer", "VMReplicationAuthorizationEntry", "TrustGroup"}},
		"Stop-VMReplication":                     {run: stopReplication, changes: true, params: relation},
	}
}
