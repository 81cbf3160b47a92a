# On the middle of a chain after a failover: makes it the primary of the host to
# which it extends. It commits the failover: there is no way back.
# Microsoft: Hyper-V module, Resume-VMReplication.
function Resume-LifeboatExtended {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    Resume-VMReplication -VM $machine -Continue -Confirm:$false -ErrorAction Stop | Out-Null
    Get-LifeboatGuard -VM $VM
}
