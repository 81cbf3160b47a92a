# On the replica: says to which switch each adapter of a test VM is connected;
# without it a test VM has no network. Every adapter is found before anything is
# changed.
# Microsoft: Hyper-V module, Get-VMNetworkAdapter, Set-VMNetworkAdapter.
function Set-LifeboatTestNetwork {
    param([string]$VM, [object[]]$NICs)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    $adapters = @(Get-VMNetworkAdapter -VM $machine -ErrorAction Stop)
    $pairs = @(foreach ($nic in $NICs) {
        @{ nic = $nic; adapter = Find-LifeboatAdapter -Adapters $adapters -Name $nic.adapter }
    })
    foreach ($pair in $pairs) {
        $nic = $pair['nic']
        $adapter = $pair['adapter']
        Set-VMNetworkAdapter -VMNetworkAdapter $adapter -TestReplicaSwitchName $nic.switch -Confirm:$false -ErrorAction Stop | Out-Null
    }
    Get-LifeboatNetwork -VM $VM
}
