# Makes a VM the primary of a new replica, or extends replication of a replica
# to a third host. Nothing is sent before the initial replication is started.
# Compression is null where Hyper-V's own default is to hold; with 0 hours
# there are no application-consistent points. Disks to leave out are named by path
# or file name; one that this copy does not have, as a replica has not, is nothing
# to leave out.
# Microsoft: Hyper-V module, Enable-VMReplication, Get-VMHardDiskDrive.
function Enable-LifeboatReplication {
    param(
        [string]$VM, [string]$ReplicaServer, [int]$Port, [string]$Auth, [string]$Thumbprint,
        [int]$FrequencySec, [int]$RecoveryHistory, [int]$VSSHours, [object]$Compression, [string[]]$ExcludedDisks
    )
    $machine = Get-VM -Id $VM -ErrorAction Stop
    $parameters = @{
        VM                      = $machine
        ReplicaServerName       = $ReplicaServer
        ReplicaServerPort       = $Port
        AuthenticationType      = $Auth
        ReplicationFrequencySec = $FrequencySec
        RecoveryHistory         = $RecoveryHistory
        Confirm                 = $false
        ErrorAction             = 'Stop'
    }
    if ($Thumbprint) {
        $parameters['CertificateThumbprint'] = $Thumbprint
    }
    if ($VSSHours -gt 0) {
        $parameters['VSSSnapshotFrequencyHour'] = $VSSHours
    }
    if ($null -ne $Compression) {
        $parameters['CompressionEnabled'] = [bool]$Compression
    }
    $names = @($ExcludedDisks | Where-Object { $_ } | ForEach-Object { $_.ToLower() })
    $excluded = @(Get-VMHardDiskDrive -VM $machine -ErrorAction Stop | Where-Object {
        $path = "$($_.Path)".ToLower()
        @($names | Where-Object { $path -eq $_ -or $path.EndsWith('\' + $_) }).Count -gt 0
    } | ForEach-Object { "$($_.Path)" })
    if ($excluded.Count -gt 0) {
        $parameters['ExcludedVhdPath'] = $excluded
    }
    Enable-VMReplication @parameters | Out-Null
    Get-LifeboatGuard -VM $VM
}
