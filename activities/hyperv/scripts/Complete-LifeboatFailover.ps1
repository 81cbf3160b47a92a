# On the replica after a failover: commits it. The recovery points are removed
# and there is no way back. The VM may run.
# Microsoft: Hyper-V module, Complete-VMFailover.
function Complete-LifeboatFailover {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    Complete-VMFailover -VM $machine -Confirm:$false -ErrorAction Stop | Out-Null
    Get-LifeboatGuard -VM $VM
}
