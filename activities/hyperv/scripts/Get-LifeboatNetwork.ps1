# How the adapters of one VM are connected: what every change of them reads back.
# A setting that cannot be read fails the call: unknown is not "not set".
# Microsoft: Hyper-V module, Get-VMNetworkAdapter,
# Get-VMNetworkAdapterFailoverConfiguration.
function Get-LifeboatNetwork {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    $replicates = @('Primary', 'Replica', 'ExtendedReplica') -contains "$($machine.ReplicationMode)"
    $adapters = @(foreach ($adapter in @(Get-VMNetworkAdapter -VM $machine -ErrorAction Stop)) {
        $setting = $null
        if ($replicates) {
            $setting = Get-VMNetworkAdapterFailoverConfiguration -VMNetworkAdapter $adapter -ErrorAction Stop
        }
        ConvertTo-LifeboatAdapter -Adapter $adapter -Setting $setting
    })
    [ordered]@{
        power    = "$($machine.State)"
        mode     = "$($machine.ReplicationMode)"
        state    = "$($machine.ReplicationState)"
        adapters = $adapters
    }
}
