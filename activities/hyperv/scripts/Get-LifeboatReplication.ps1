# How many VMs replicate, in one answer: what a schedule asks at every tick, so
# nothing is asked VM by VM unless a cmdlet fails. The clock is the one that
# replication times are of.
# Microsoft: Hyper-V module, Get-VM, Get-VMReplication, Measure-VMReplication;
# CimCmdlets, Get-CimInstance (Win32_OperatingSystem).
function Get-LifeboatReplication {
    param([string[]]$VMs)
    $clock = Get-CimInstance -ClassName Win32_OperatingSystem -ErrorAction Stop
    $wanted = @($VMs | Where-Object { $_ } | ForEach-Object { "$([guid]$_)" })
    $chosen = @(Get-VM -ErrorAction Stop | Where-Object { $wanted -contains "$($_.Id)" })
    $read = Find-LifeboatRelations -Machines $chosen
    $figures = $read['figures']
    $problems = $read['problems']
    $relations = @{}
    foreach ($machine in $chosen) {
        $relations["$($machine.Id)"] = @()
    }
    foreach ($row in $read['rows']) {
        $id = "$($row.VMId)"
        $last = $null
        if ($row.LastReplicationTime) {
            $last = $row.LastReplicationTime.ToUniversalTime().ToString('o')
        }
        $relation = [ordered]@{
            relationship    = "$($row.ReplicationRelationshipType)"
            state           = "$($row.ReplicationState)"
            health          = "$($row.ReplicationHealth)"
            primaryServer   = "$($row.PrimaryServerName)"
            replicaServer   = "$($row.ReplicaServerName)"
            frequencySec    = [int]$row.ReplicationFrequencySec
            recoveryHistory = [int]$row.RecoveryHistory
            vssEnabled      = [bool]$row.VSSSnapshotReplicationEnabled
            vssHours        = [int]$row.VSSSnapshotFrequencyHour
            compression     = [bool]$row.CompressionEnabled
            auth            = "$($row.AuthenticationType)"
            thumbprint      = "$($row.CertificateThumbprint)"
            port            = [int]$row.ReplicaServerPort
            replicated      = @($row.ReplicatedDisks | Where-Object { $_ } | ForEach-Object { "$($_.Path)" })
            excluded        = @($row.ExcludedDisks | Where-Object { $_ } | ForEach-Object { "$($_.Path)" })
            lastReplication = $last
            pendingBytes    = $null
            missed          = $null
            succeeded       = $null
            errors          = $null
            monitoringStart = $null
        }
        $key = "$id $($row.ReplicationRelationshipType)"
        if ($figures.ContainsKey($key)) {
            $relation['pendingBytes'] = [long]$figures[$key].PendingReplicationSize
            $relation['missed'] = [long]$figures[$key].MissedReplicationCount
            $relation['succeeded'] = [long]$figures[$key].SuccessfulReplicationCount
            $relation['errors'] = [long]$figures[$key].ReplicationErrors
            if ($figures[$key].MonitoringStartTime) {
                $relation['monitoringStart'] = $figures[$key].MonitoringStartTime.ToUniversalTime().ToString('o')
            }
        }
        $relations[$id] = @($relations[$id]) + @($relation)
    }

    $copies = @(foreach ($machine in $chosen) {
        $id = "$($machine.Id)"
        [ordered]@{
            vm        = $id
            mode      = "$($machine.ReplicationMode)"
            state     = "$($machine.ReplicationState)"
            health    = "$($machine.ReplicationHealth)"
            relations = $relations[$id]
            problems  = $problems[$id]
        }
    })
    [ordered]@{
        utc     = $clock.LocalDateTime.ToUniversalTime().ToString('o')
        copies  = $copies
        missing = @($wanted | Where-Object { -not $relations.ContainsKey($_) })
    }
}
