# What replicas rest on and what changes seldom: the machine's certificates, the
# volumes and which of them BitLocker protects, where replicas are kept, which keys
# its replicating VMs need, and which disks of its primary VMs replicate.
# Each part is asked for alone: one that cannot be told does not hide the others
# and is named in problems as <cmdlet>: <error id>.
# Microsoft: Hyper-V module, Get-VM, Get-VMHardDiskDrive, Get-VMReplication,
# Get-VMReplicationServer, Get-VMReplicationAuthorizationEntry;
# Microsoft.PowerShell.Security, about_Certificate_Provider; CimCmdlets,
# Get-CimInstance (Win32_OperatingSystem, Win32_Volume); BitLocker,
# Get-BitLockerVolume.
function Get-LifeboatStores {
    param()
    $clock = Get-CimInstance -ClassName Win32_OperatingSystem -ErrorAction Stop
    $problems = @()
    $certificates = @()
    try {
        $certificates = @(Get-ChildItem -Path 'Cert:\LocalMachine\My' -ErrorAction Stop | ForEach-Object {
            [ordered]@{ thumbprint = "$($_.Thumbprint)"; notAfter = $_.NotAfter.ToUniversalTime().ToString('o') }
        })
    } catch {
        $problems = @($problems) + @("Get-ChildItem: $($_.FullyQualifiedErrorId)")
    }
    $volumes = @()
    try {
        $volumes = @(Get-CimInstance -ClassName Win32_Volume -ErrorAction Stop | Where-Object { $_.Capacity } | ForEach-Object {
            [ordered]@{ name = "$($_.Name)"; size = [long]$_.Capacity; free = [long]$_.FreeSpace }
        })
    } catch {
        $problems = @($problems) + @("Get-CimInstance: $($_.FullyQualifiedErrorId)")
    }
    $encrypted = @()
    try {
        $encrypted = @(Get-BitLockerVolume -ErrorAction Stop | Where-Object { "$($_.ProtectionStatus)" -ne 'Off' } | ForEach-Object {
            [ordered]@{
                name       = "$($_.MountPoint)"
                system     = ("$($_.VolumeType)" -eq 'OperatingSystem')
                locked     = ("$($_.LockStatus)" -eq 'Locked')
                autoUnlock = [bool]$_.AutoUnlockEnabled
                protectors = @($_.KeyProtector | Where-Object { $_ } | ForEach-Object { "$($_.KeyProtectorType)" })
            }
        })
    } catch {
        $problems = @($problems) + @("Get-BitLockerVolume: $($_.FullyQualifiedErrorId)")
    }
    $storages = @()
    try {
        $server = Get-VMReplicationServer -ErrorAction Stop
        $entries = @(Get-VMReplicationAuthorizationEntry -ErrorAction Stop)
        $storages = @(@("$($server.DefaultStorageLocation)") + @($entries | ForEach-Object { "$($_.ReplicaStorageLocation)" }) | Where-Object { $_ })
    } catch {
        $problems = @($problems) + @("Get-VMReplicationServer: $($_.FullyQualifiedErrorId)")
    }

    $machines = @(Get-VM -ErrorAction Stop | Where-Object { @('Primary', 'Replica', 'ExtendedReplica') -contains "$($_.ReplicationMode)" })
    $keys = Find-LifeboatKeys -Machines $machines
    $primaries = @($machines | Where-Object { "$($_.ReplicationMode)" -eq 'Primary' })
    $disks = @{}
    $sent = @{}
    $untold = @{}
    foreach ($machine in $primaries) {
        $disks["$($machine.Id)"] = @()
        $sent["$($machine.Id)"] = @()
        $untold["$($machine.Id)"] = @()
    }
    $drives = @()
    $rows = @()
    if ($primaries.Count -gt 0) {
        try {
            $drives = @(Get-VMHardDiskDrive -VM $primaries -ErrorAction Stop)
            $rows = @(Get-VMReplication -VM $primaries -ErrorAction Stop)
        } catch {
            $drives = @()
            $rows = @()
            foreach ($machine in $primaries) {
                $id = "$($machine.Id)"
                try {
                    $rows = @($rows) + @(Get-VMReplication -VM $machine -ErrorAction Stop)
                    $drives = @($drives) + @(Get-VMHardDiskDrive -VM $machine -ErrorAction Stop)
                } catch {
                    $untold[$id] = @($untold[$id]) + @("Get-VMHardDiskDrive: $($_.FullyQualifiedErrorId)")
                }
            }
        }
    }
    foreach ($row in $rows) {
        $id = "$($row.VMId)"
        $sent[$id] = @($sent[$id]) + @($row.ReplicatedDisks | ForEach-Object { "$($_.Path)" })
    }
    foreach ($drive in $drives) {
        $id = "$($drive.VMId)"
        $path = "$($drive.Path)"
        $disks[$id] = @($disks[$id]) + @([ordered]@{ path = $path; replicated = ($sent[$id] -contains $path) })
    }
    [ordered]@{
        utc          = $clock.LocalDateTime.ToUniversalTime().ToString('o')
        certificates = $certificates
        volumes      = $volumes
        encrypted    = $encrypted
        storages     = $storages
        keys         = $keys
        vms          = @(foreach ($machine in $primaries) {
            $id = "$($machine.Id)"
            [ordered]@{ vm = $id; disks = $disks[$id]; problems = $untold[$id] }
        })
        problems     = $problems
    }
}
