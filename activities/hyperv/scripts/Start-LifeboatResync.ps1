# On the primary: compares both copies and sends what differs. The recovery
# points of the replica are removed.
# Microsoft: Hyper-V module, Resume-VMReplication.
function Start-LifeboatResync {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    Resume-VMReplication -VM $machine -Resynchronize -Confirm:$false -ErrorAction Stop | Out-Null
    Get-LifeboatGuard -VM $VM
}
