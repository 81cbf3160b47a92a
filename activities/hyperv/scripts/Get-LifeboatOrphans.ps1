# All that replication may leave behind on a host, in one answer: every VM with how
# it replicates, by which provider, its disks and the checkpoints that backups
# left; from whom the host takes replication; the folders below the places where
# replicas are kept, in quarantine too; the parents that differencing disks rest on,
# where there is a folder that may be offered; and the groups of its failover cluster,
# null on a host that is no node or does not know the cmdlets. Each part is asked for alone: one
# that cannot be told does not hide the others and is named in problems as
# <cmdlet>: <error id>. Rows are joined by VM id, never by name.
# Microsoft: Hyper-V module, Get-VM, Get-VMHost, Get-VMReplication,
# Get-VMHardDiskDrive, Get-VMSnapshot, Get-VMReplicationServer; CimCmdlets,
# Get-CimInstance (Win32_OperatingSystem, Msvm_ReplicationSettingData);
# Microsoft.PowerShell.Management, Get-ChildItem; what Find-LifeboatDisks and
# Find-LifeboatCluster ask.
function Get-LifeboatOrphans {
    param()
    $clock = Get-CimInstance -ClassName Win32_OperatingSystem -ErrorAction Stop
    $machine = Get-VMHost -ErrorAction Stop
    $machines = @(Get-VM -ErrorAction Stop)
    $server = Get-LifeboatReplicaServer
    $read = Find-LifeboatRelations -Machines $machines
    $problems = @()
    $relations = @{}
    $disks = @{}
    $backups = @{}
    $providers = @{}
    foreach ($one in $machines) {
        $relations["$($one.Id)"] = @()
        $disks["$($one.Id)"] = @()
        $backups["$($one.Id)"] = @()
        $providers["$($one.Id)"] = ''
    }
    foreach ($row in $read['rows']) {
        $id = "$($row.VMId)"
        $last = $null
        if ($row.LastReplicationTime) {
            $last = $row.LastReplicationTime.ToUniversalTime().ToString('o')
        }
        $test = $null
        if ($row.TestVirtualMachine) {
            $test = "$($row.TestVirtualMachine.Id)"
        }
        $relations[$id] = @($relations[$id]) + @([ordered]@{
            relationship         = "$($row.ReplicationRelationshipType)"
            primaryServer        = "$($row.PrimaryServerName)"
            replicaServer        = "$($row.ReplicaServerName)"
            currentReplicaServer = "$($row.CurrentReplicaServerName)"
            allowedPrimary       = "$($row.AllowedPrimaryServer)"
            lastReplication      = $last
            testVM               = $test
        })
    }
    $folders = @()
    $sizes = @{}
    $storages = @(@($server['storage']) + @($server['entries'] | ForEach-Object { $_['storage'] }) | Where-Object { $_ } | ForEach-Object { $_.TrimEnd('\') } | Sort-Object -Unique)
    foreach ($storage in $storages) {
        foreach ($place in @('Virtual hard disks', '.lifeboat-quarantine')) {
            try {
                $tops = @(Get-ChildItem -LiteralPath "$storage\Hyper-V Replica\$place" -Force -ErrorAction Stop | Where-Object { $_.PSIsContainer })
                $found = @($tops)
                if ($place -eq '.lifeboat-quarantine') {
                    $found = @(foreach ($top in $tops) {
                        Get-ChildItem -LiteralPath $top.FullName -Force -ErrorAction Stop | Where-Object { $_.PSIsContainer }
                    })
                }
                foreach ($folder in $found) {
                    $bytes = [long]0
                    $changed = $folder.LastWriteTime
                    $below = @(Get-ChildItem -LiteralPath $folder.FullName -Recurse -Force -ErrorAction Stop)
                    $links = @(@($folder) + @($below) | Where-Object { $_.PSIsContainer -and "$($_.Attributes)" -like '*ReparsePoint*' })
                    $files = @($below | Where-Object { -not $_.PSIsContainer })
                    foreach ($file in $files) {
                        $bytes = $bytes + [long]$file.Length
                        $sizes["$($file.FullName)".ToLower()] = [long]$file.Length
                        if ($file.LastWriteTime -gt $changed) {
                            $changed = $file.LastWriteTime
                        }
                    }
                    $folders = @($folders) + @([ordered]@{
                        path     = "$($folder.FullName)"
                        kept     = ($place -eq '.lifeboat-quarantine')
                        files    = [int]$files.Count
                        bytes    = $bytes
                        modified = $changed.ToUniversalTime().ToString('o')
                        link     = ($links.Count -gt 0)
                    })
                }
            } catch {
                if ("$($_.FullyQualifiedErrorId)" -notlike 'PathNotFound,*') {
                    $problems = @($problems) + @("Get-ChildItem: $($_.FullyQualifiedErrorId)")
                }
            }
        }
    }
    if ($machines.Count -gt 0) {
        try {
            foreach ($drive in @(Get-VMHardDiskDrive -VM $machines -ErrorAction Stop)) {
                $id = "$($drive.VMId)"
                $path = "$($drive.Path)"
                $disks[$id] = @($disks[$id]) + @([ordered]@{ path = $path; bytes = [long]$sizes[$path.ToLower()] })
            }
        } catch {
            $problems = @($problems) + @("Get-VMHardDiskDrive: $($_.FullyQualifiedErrorId)")
        }
        try {
            foreach ($point in @(Get-VMSnapshot -VM $machines -SnapshotType Recovery -ErrorAction Stop)) {
                $id = "$($point.VMId)"
                $backups[$id] = @($backups[$id]) + @([ordered]@{ id = "$($point.Id)"; created = $point.CreationTime.ToUniversalTime().ToString('o') })
            }
        } catch {
            $problems = @($problems) + @("Get-VMSnapshot: $($_.FullyQualifiedErrorId)")
        }
    }
    $parents = @()
    $loose = $false
    $named = @($machines | ForEach-Object { "*\$($_.Id)" })
    foreach ($folder in $folders) {
        $owners = @($named | Where-Object { $folder['path'] -like $_ })
        if ($folder['kept'] -or $owners.Count -eq 0) {
            $loose = $true
        }
    }
    if ($loose) {
        try {
            $own = @(foreach ($one in $machines) { $disks["$($one.Id)"] | ForEach-Object { $_['path'].ToLower() } })
            $parents = @(Find-LifeboatDisks | Where-Object { $own -notcontains $_ } | Sort-Object -Unique)
        } catch {
            $problems = @($problems) + @("Get-VHD: $($_.FullyQualifiedErrorId)")
        }
    }
    try {
        foreach ($setting in @(Get-CimInstance -Namespace 'root/virtualization/v2' -ClassName Msvm_ReplicationSettingData -ErrorAction Stop)) {
            foreach ($one in $machines) {
                if ("$($setting.InstanceID)" -like "*$($one.Id)*") {
                    $providers["$($one.Id)"] = "$($setting.ReplicationProvider)"
                }
            }
        }
    } catch {
        $problems = @($problems) + @("Get-CimInstance: $($_.FullyQualifiedErrorId)")
    }
    $cluster = $null
    try {
        $cluster = Find-LifeboatCluster -Node "$($machine.Name)" -Machines $machines
    } catch {
        $id = "$($_.FullyQualifiedErrorId)"
        if ($id -ne 'CommandNotFoundException' -and $id -notlike 'ClusterEndpointNotRegistered,*') {
            $problems = @($problems) + @("Get-ClusterGroup: $id")
        }
    }
    [ordered]@{
        utc      = $clock.LocalDateTime.ToUniversalTime().ToString('o')
        name     = "$($machine.Name)"
        fqdn     = "$($machine.FullyQualifiedDomainName)"
        vms      = @(foreach ($one in $machines) {
            $id = "$($one.Id)"
            [ordered]@{
                vm        = $id
                name      = "$($one.Name)"
                power     = "$($one.State)"
                mode      = "$($one.ReplicationMode)"
                state     = "$($one.ReplicationState)"
                created   = $one.CreationTime.ToUniversalTime().ToString('o')
                uptimeSec = [long]$one.Uptime.TotalSeconds
                relations = $relations[$id]
                disks     = $disks[$id]
                backups   = $backups[$id]
                provider  = $providers[$id]
                problems  = $read['problems'][$id]
            }
        })
        entries  = $server['entries']
        folders  = $folders
        parents  = $parents
        cluster  = $cluster
        problems = $problems
    }
}
