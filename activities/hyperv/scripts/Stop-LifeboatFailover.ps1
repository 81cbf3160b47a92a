# Takes back a preparation (primary) or a failover that is not completed
# (replica; a running VM is turned off and its writes are lost).
# Microsoft: Hyper-V module, Stop-VMFailover.
function Stop-LifeboatFailover {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    Stop-VMFailover -VM $machine -Confirm:$false -ErrorAction Stop | Out-Null
    Get-LifeboatGuard -VM $VM
}
