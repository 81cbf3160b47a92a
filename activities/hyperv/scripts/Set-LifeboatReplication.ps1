# Changes settings of one relationship on the side that sends. What is null, 0 or
# empty stays as it is; VSSHours 0 ends application-consistent points. Disks are the
# paths of all disks that are to replicate, not a difference. The answer tells every
# relationship of the VM: in the middle of a chain it is not certain which one the
# cmdlet changes.
# Microsoft: Hyper-V module, Set-VMReplication, Get-VMHardDiskDrive.
function Set-LifeboatReplication {
    param(
        [string]$VM, [string]$Relationship, [string]$State, [int]$FrequencySec, [object]$RecoveryHistory, [object]$VSSHours,
        [object]$Compression, [string]$Auth, [int]$Port, [string]$Thumbprint, [string[]]$Disks
    )
    $relation = Find-LifeboatRelation -VM $VM -Relationship $Relationship -State $State
    $parameters = @{ VMReplication = $relation; Confirm = $false; ErrorAction = 'Stop' }
    if ($FrequencySec -gt 0) {
        $parameters['ReplicationFrequencySec'] = $FrequencySec
    }
    if ($null -ne $RecoveryHistory) {
        $parameters['RecoveryHistory'] = [int]$RecoveryHistory
    }
    if ($null -ne $VSSHours) {
        if ([int]$VSSHours -gt 0) {
            $parameters['VSSSnapshotFrequencyHour'] = [int]$VSSHours
        } else {
            $parameters['DisableVSSSnapshotReplication'] = $true
        }
    }
    if ($null -ne $Compression) {
        $parameters['CompressionEnabled'] = [bool]$Compression
    }
    if ($Auth) {
        $parameters['AuthenticationType'] = $Auth
    }
    if ($Port -gt 0) {
        $parameters['ReplicaServerPort'] = $Port
    }
    if ($Thumbprint) {
        $parameters['CertificateThumbprint'] = $Thumbprint
    }
    $wanted = @($Disks | Where-Object { $_ })
    if ($wanted.Count -gt 0) {
        $machine = Get-VM -Id $VM -ErrorAction Stop
        $drives = @(Get-VMHardDiskDrive -VM $machine -ErrorAction Stop | Where-Object { $wanted -contains "$($_.Path)" })
        if ($drives.Count -ne $wanted.Count) {
            throw 'LifeboatDiskNotFound'
        }
        $parameters['ReplicatedDisks'] = $drives
    }
    Set-VMReplication @parameters | Out-Null
    $answer = Get-LifeboatGuard -VM $VM
    $answer['replication'] = Get-LifeboatReplication -VMs @($VM)
    $answer
}
