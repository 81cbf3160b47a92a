# Takes every adapter of one VM off its switch; the VM goes on.
# Microsoft: Hyper-V module, Get-VMNetworkAdapter, Disconnect-VMNetworkAdapter.
function Disconnect-LifeboatNetwork {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    foreach ($adapter in @(Get-VMNetworkAdapter -VM $machine -ErrorAction Stop)) {
        Disconnect-VMNetworkAdapter -VMNetworkAdapter $adapter -Confirm:$false -ErrorAction Stop | Out-Null
    }
    Get-LifeboatNetwork -VM $VM
}
