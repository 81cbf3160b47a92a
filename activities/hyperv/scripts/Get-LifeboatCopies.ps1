# Many VMs in one answer: each cmdlet is called once for all of them and the
# rows are joined by VM id, never by name. Only the failover addresses are asked
# for adapter by adapter, since that answer does not name its adapter. A VM about
# which a cmdlet fails does not hide the others: it is asked about alone, and what
# it does not tell is null or empty and named in problems as <cmdlet>: <error id>.
# The clock is the operating system's, the one that replication times are of: ages
# are differences to it.
# Microsoft: Hyper-V module, Get-VM, Get-VMReplication, Measure-VMReplication,
# Get-VMNetworkAdapter, Get-VMNetworkAdapterFailoverConfiguration; CimCmdlets,
# Get-CimInstance (Win32_OperatingSystem).
function Get-LifeboatCopies {
    param([string[]]$VMs)
    $clock = Get-CimInstance -ClassName Win32_OperatingSystem -ErrorAction Stop
    $wanted = @($VMs | Where-Object { $_ } | ForEach-Object { "$([guid]$_)" })
    $chosen = @(Get-VM -ErrorAction Stop | Where-Object { $wanted.Count -eq 0 -or $wanted -contains "$($_.Id)" })
    $read = Find-LifeboatRelations -Machines $chosen
    $figures = $read['figures']
    $problems = $read['problems']
    $relations = @{}
    $adapters = @{}
    foreach ($machine in $chosen) {
        $relations["$($machine.Id)"] = @()
        $adapters["$($machine.Id)"] = @()
    }
    foreach ($row in $read['rows']) {
        $id = "$($row.VMId)"
        $last = $null
        if ($row.LastReplicationTime) {
            $last = $row.LastReplicationTime.ToUniversalTime().ToString('o')
        }
        $applied = $null
        if ($row.LastAppliedLogTime) {
            $applied = $row.LastAppliedLogTime.ToUniversalTime().ToString('o')
        }
        $begins = $null
        if ($row.InitialReplicationStartTime) {
            $begins = $row.InitialReplicationStartTime.ToUniversalTime().ToString('o')
        }
        $test = $null
        if ($row.TestVirtualMachine) {
            $test = "$($row.TestVirtualMachine.Id)"
        }
        $relation = [ordered]@{
            relationship         = "$($row.ReplicationRelationshipType)"
            mode                 = "$($row.ReplicationMode)"
            state                = "$($row.ReplicationState)"
            health               = "$($row.ReplicationHealth)"
            primaryServer        = "$($row.PrimaryServerName)"
            replicaServer        = "$($row.ReplicaServerName)"
            currentReplicaServer = "$($row.CurrentReplicaServerName)"
            frequencySec         = [int]$row.ReplicationFrequencySec
            recoveryHistory      = [int]$row.RecoveryHistory
            lastReplication      = $last
            lastApplied          = $applied
            initialStart         = $begins
            auth                 = "$($row.AuthenticationType)"
            thumbprint           = "$($row.CertificateThumbprint)"
            port                 = [int]$row.ReplicaServerPort
            testVM               = $test
            autoResync           = [bool]$row.AutoResynchronizeEnabled
            initialBytes         = $null
            pendingBytes         = $null
            averageBytes         = $null
        }
        $key = "$id $($row.ReplicationRelationshipType)"
        if ($figures.ContainsKey($key)) {
            $relation['initialBytes'] = [long]$figures[$key].InitialReplicationSize
            $relation['pendingBytes'] = [long]$figures[$key].PendingReplicationSize
            $relation['averageBytes'] = [long]$figures[$key].AverageReplicationSize
        }
        $relations[$id] = @($relations[$id]) + @($relation)
    }

    $cards = @()
    if ($chosen.Count -gt 0) {
        try {
            $cards = @(Get-VMNetworkAdapter -VM $chosen -ErrorAction Stop)
        } catch {
            foreach ($machine in $chosen) {
                $id = "$($machine.Id)"
                try {
                    $cards = @($cards) + @(Get-VMNetworkAdapter -VM $machine -ErrorAction Stop)
                } catch {
                    $problems[$id] = @($problems[$id]) + @("Get-VMNetworkAdapter: $($_.FullyQualifiedErrorId)")
                }
            }
        }
    }
    foreach ($adapter in $cards) {
        $id = "$($adapter.VMId)"
        $setting = $null
        $known = $true
        if ($relations[$id].Count -gt 0) {
            try {
                $setting = Get-VMNetworkAdapterFailoverConfiguration -VMNetworkAdapter $adapter -ErrorAction Stop
            } catch {
                $known = $false
                $problems[$id] = @($problems[$id]) + @("Get-VMNetworkAdapterFailoverConfiguration: $($_.FullyQualifiedErrorId)")
            }
        }
        $card = ConvertTo-LifeboatAdapter -Adapter $adapter -Setting $setting
        if (-not $known) {
            $card['failoverIP'] = $null
            $card['failoverMask'] = $null
            $card['failoverGateway'] = $null
        }
        $adapters[$id] = @($adapters[$id]) + @($card)
    }

    $copies = @(foreach ($machine in $chosen) {
        $id = "$($machine.Id)"
        $pending = $null
        $type = $null
        $key = "$id Simple"
        if ($figures.ContainsKey($key)) {
            $pending = [long]$figures[$key].PendingReplicationSize
            $type = "$($figures[$key].FailedOverReplicationType)"
        }
        [ordered]@{
            vm             = $id
            name           = "$($machine.Name)"
            power          = "$($machine.State)"
            mode           = "$($machine.ReplicationMode)"
            state          = "$($machine.ReplicationState)"
            health         = "$($machine.ReplicationHealth)"
            heartbeat      = "$($machine.Heartbeat)"
            autoStart      = "$($machine.AutomaticStartAction)"
            version        = "$($machine.Version)"
            generation     = [int]$machine.Generation
            memoryStartup  = [long]$machine.MemoryStartup
            memoryAssigned = [long]$machine.MemoryAssigned
            uptimeSec      = [long]$machine.Uptime.TotalSeconds
            status         = "$($machine.Status)"
            relations      = $relations[$id]
            adapters       = $adapters[$id]
            pendingBytes   = $pending
            failoverType   = $type
            problems       = $problems[$id]
        }
    })
    [ordered]@{
        utc     = $clock.LocalDateTime.ToUniversalTime().ToString('o')
        copies  = $copies
        missing = @($wanted | Where-Object { -not $relations.ContainsKey($_) })
    }
}
