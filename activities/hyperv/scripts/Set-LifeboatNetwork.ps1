# Connects the adapters of one VM and sets or clears the address that Hyper-V
# gives to the guest at a failover. Every adapter is found before anything is
# changed; an empty adapter name means the only one there is. What the old
# address had and the new one lacks (gateway, DNS) is cleared first, since the
# cmdlet leaves alone what is not named. A setting that cannot be read fails the
# call: unknown is not "not set".
# Microsoft: Hyper-V module, Get-VMNetworkAdapter, Connect-VMNetworkAdapter,
# Set-VMNetworkAdapterFailoverConfiguration.
function Set-LifeboatNetwork {
    param([string]$VM, [object[]]$NICs)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    $adapters = @(Get-VMNetworkAdapter -VM $machine -ErrorAction Stop)
    $pairs = @(foreach ($nic in $NICs) {
        $found = @($adapters | Where-Object { -not $nic.adapter -or $_.Name -eq $nic.adapter })
        if ($found.Count -eq 0) {
            throw 'LifeboatAdapterNotFound'
        }
        if ($found.Count -gt 1) {
            throw 'LifeboatAdapterAmbiguous'
        }
        @{ nic = $nic; adapter = $found[0] }
    })
    $replicates = "$($machine.ReplicationMode)" -ne 'None'
    foreach ($pair in $pairs) {
        $nic = $pair['nic']
        $adapter = $pair['adapter']
        if ($nic.switch) {
            Connect-VMNetworkAdapter -VMNetworkAdapter $adapter -SwitchName $nic.switch -Confirm:$false -ErrorAction Stop | Out-Null
        }
        $setting = $null
        if ($replicates) {
            $setting = Get-VMNetworkAdapterFailoverConfiguration -VMNetworkAdapter $adapter -ErrorAction Stop
        }
        $servers = @($nic.dns | Where-Object { $_ })
        $inject = $nic.inject -and $nic.ip
        $clear = [bool]$setting.IPv4Address
        if ($inject) {
            $gateway = $setting.IPv4DefaultGateway -and -not $nic.gateway
            $preferred = $setting.IPv4PreferredDNSServer -and $servers.Count -eq 0
            $alternate = $setting.IPv4AlternateDNSServer -and $servers.Count -le 1
            $clear = $gateway -or $preferred -or $alternate
        }
        $parameters = @{ VMNetworkAdapter = $adapter; Confirm = $false; ErrorAction = 'Stop' }
        if ($clear) {
            Set-VMNetworkAdapterFailoverConfiguration @parameters -ClearFailoverIPv4Settings | Out-Null
        }
        if ($inject) {
            $parameters['IPv4Address'] = $nic.ip
            $parameters['IPv4SubnetMask'] = $nic.mask
            if ($nic.gateway) {
                $parameters['IPv4DefaultGateway'] = $nic.gateway
            }
            if ($servers.Count -gt 0) {
                $parameters['IPv4PreferredDNSServer'] = $servers[0]
            }
            if ($servers.Count -gt 1) {
                $parameters['IPv4AlternateDNSServer'] = $servers[1]
            }
            Set-VMNetworkAdapterFailoverConfiguration @parameters | Out-Null
        }
    }
    $machine = Get-VM -Id $VM -ErrorAction Stop
    $replicates = "$($machine.ReplicationMode)" -ne 'None'
    $now = @(foreach ($adapter in @(Get-VMNetworkAdapter -VM $machine -ErrorAction Stop)) {
        $setting = $null
        if ($replicates) {
            $setting = Get-VMNetworkAdapterFailoverConfiguration -VMNetworkAdapter $adapter -ErrorAction Stop
        }
        $servers = @(@($setting.IPv4PreferredDNSServer, $setting.IPv4AlternateDNSServer) | Where-Object { $_ } | ForEach-Object { "$_" })
        [ordered]@{
            name            = "$($adapter.Name)"
            'switch'        = "$($adapter.SwitchName)"
            connected       = [bool]$adapter.Connected
            ips             = @($adapter.IPAddresses | Where-Object { $_ } | ForEach-Object { "$_" })
            failoverIP      = "$($setting.IPv4Address)"
            failoverMask    = "$($setting.IPv4SubnetMask)"
            failoverGateway = "$($setting.IPv4DefaultGateway)"
            failoverDNS     = $servers
        }
    })
    [ordered]@{
        power    = "$($machine.State)"
        mode     = "$($machine.ReplicationMode)"
        state    = "$($machine.ReplicationState)"
        adapters = $now
    }
}
