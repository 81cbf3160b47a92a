# Connects the adapters of one VM and sets or clears the address that Hyper-V
# gives to the guest at a failover. Every adapter is found before anything is
# changed. What the old address had and the new one lacks (gateway, DNS) is
# cleared first, since the cmdlet leaves alone what is not named. A setting that cannot be read fails the
# call: unknown is not "not set".
# Microsoft: Hyper-V module, Get-VMNetworkAdapter, Connect-VMNetworkAdapter,
# Set-VMNetworkAdapterFailoverConfiguration.
function Set-LifeboatNetwork {
    param([string]$VM, [object[]]$NICs)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    $adapters = @(Get-VMNetworkAdapter -VM $machine -ErrorAction Stop)
    $pairs = @(foreach ($nic in $NICs) {
        @{ nic = $nic; adapter = Find-LifeboatAdapter -Adapters $adapters -Name $nic.adapter }
    })
    $replicates = @('Primary', 'Replica', 'ExtendedReplica') -contains "$($machine.ReplicationMode)"
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
    Get-LifeboatNetwork -VM $VM
}
