# On the primary: breaks off a resynchronization, which is then still needed.
# Microsoft: Hyper-V module, Stop-VMReplication.
function Stop-LifeboatResync {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    Stop-VMReplication -VM $machine -Confirm:$false -ErrorAction Stop | Out-Null
    Get-LifeboatGuard -VM $VM
}
