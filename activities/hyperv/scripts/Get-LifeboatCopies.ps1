# Many VMs in one answer: each cmdlet is called once for all of them and the
# rows are joined by VM id, never by name. Only the failover addresses are asked
# for adapter by adapter, since that answer does not name its adapter.
# Get-VMReplication throws for a VM that does not replicate, so only those that
# do are asked about. A VM about which a cmdlet fails does not hide the others:
# it is asked about alone, and what it does not tell is null or empty and named
# in problems as <cmdlet>: <error id>.
# Microsoft: Hyper-V module, Get-VM, Get-VMReplication, Measure-VMReplication,
# Get-VMNetworkAdapter, Get-VMNetworkAdapterFailoverConfiguration.
function Get-LifeboatCopies {
    param([string[]]$VMs)
    $wanted = @($VMs | Where-Object { $_ } | ForEach-Object { "$([guid]$_)" })
    $chosen = @(Get-VM -ErrorAction Stop | Where-Object { $wanted.Count -eq 0 -or $wanted -contains "$($_.Id)" })
    $replicating = @($chosen | Where-Object { @('Primary', 'Replica', 'ExtendedReplica') -contains "$($_.ReplicationMode)" })

    $relations = @{}
    $adapters = @{}
    $figures = @{}
    $problems = @{}
    foreach ($machine in $chosen) {
        $relations["$($machine.Id)"] = @()
        $adapters["$($machine.Id)"] = @()
        $problems["$($machine.Id)"] = @()
    }
    $rows = @()
    $measures = @()
    if ($replicating.Count -gt 0) {
        $rows = @(Get-VMReplication -VM $replicating -ErrorAction SilentlyContinue)
        $measures = @(Measure-VMReplication -VM $replicating -ErrorAction SilentlyContinue)
    }
    $told = @($rows | ForEach-Object { "$($_.VMId)" })
    $measured = @($measures | ForEach-Object { "$($_.VMId)" })
    foreach ($machine in $replicating) {
        $id = "$($machine.Id)"
        if ($told -notcontains $id) {
            try {
                $rows = @($rows) + @(Get-VMReplication -VM $machine -ErrorAction Stop)
            } catch {
                $problems[$id] = @($problems[$id]) + @("Get-VMReplication: $($_.FullyQualifiedErrorId)")
            }
        }
        if ($measured -notcontains $id) {
            try {
                $measures = @($measures) + @(Measure-VMReplication -VM $machine -ErrorAction Stop)
            } catch {
                $problems[$id] = @($problems[$id]) + @("Measure-VMReplication: $($_.FullyQualifiedErrorId)")
            }
        }
    }
    foreach ($row in $measures) {
        if ("$($row.ReplicationRelationshipType)" -eq 'Simple') {
            $figures["$($row.VMId)"] = $row
        }
    }
    foreach ($row in $rows) {
        $id = "$($row.VMId)"
        $last = $null
        if ($row.LastReplicationTime) {
            $last = $row.LastReplicationTime.ToUniversalTime().ToString('o')
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
            auth                 = "$($row.AuthenticationType)"
            thumbprint           = "$($row.CertificateThumbprint)"
            port                 = [int]$row.ReplicaServerPort
            testVM               = $test
            autoResync           = [bool]$row.AutoResynchronizeEnabled
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
        $servers = @(@($setting.IPv4PreferredDNSServer, $setting.IPv4AlternateDNSServer) | Where-Object { $_ } | ForEach-Object { "$_" })
        $card = [ordered]@{
            name            = "$($adapter.Name)"
            'switch'        = "$($adapter.SwitchName)"
            connected       = [bool]$adapter.Connected
            ips             = @($adapter.IPAddresses | Where-Object { $_ } | ForEach-Object { "$_" })
            failoverIP      = "$($setting.IPv4Address)"
            failoverMask    = "$($setting.IPv4SubnetMask)"
            failoverGateway = "$($setting.IPv4DefaultGateway)"
            failoverDNS     = $servers
        }
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
        if ($figures.ContainsKey($id)) {
            $pending = [long]$figures[$id].PendingReplicationSize
            $type = "$($figures[$id].FailedOverReplicationType)"
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
        utc     = (Get-Date).ToUniversalTime().ToString('o')
        copies  = $copies
        missing = @($wanted | Where-Object { -not $relations.ContainsKey($_) })
    }
}
