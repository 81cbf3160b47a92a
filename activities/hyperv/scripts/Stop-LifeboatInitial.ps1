# On the primary: cancels the initial replication.
# Microsoft: Hyper-V module, Stop-VMInitialReplication.
function Stop-LifeboatInitial {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    Stop-VMInitialReplication -VM $machine -Confirm:$false -ErrorAction Stop | Out-Null
    Get-LifeboatGuard -VM $VM
}
