# What is told of one adapter; Setting is its failover configuration, null where
# its VM does not replicate.
function ConvertTo-LifeboatAdapter {
    param([object]$Adapter, [object]$Setting)
    $servers = @(@($Setting.IPv4PreferredDNSServer, $Setting.IPv4AlternateDNSServer) | Where-Object { $_ } | ForEach-Object { "$_" })
    [ordered]@{
        name            = "$($Adapter.Name)"
        'switch'        = "$($Adapter.SwitchName)"
        connected       = [bool]$Adapter.Connected
        ips             = @($Adapter.IPAddresses | Where-Object { $_ } | ForEach-Object { "$_" })
        failoverIP      = "$($Setting.IPv4Address)"
        failoverMask    = "$($Setting.IPv4SubnetMask)"
        failoverGateway = "$($Setting.IPv4DefaultGateway)"
        failoverDNS     = $servers
        testSwitch      = "$($Adapter.TestReplicaSwitchName)"
    }
}
