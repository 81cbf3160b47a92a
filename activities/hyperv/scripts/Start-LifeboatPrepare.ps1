# On the primary: sends the last changes and locks the VM from starting.
# Microsoft: Hyper-V module, Start-VMFailover.
function Start-LifeboatPrepare {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    Start-VMFailover -VM $machine -Prepare -Confirm:$false -ErrorAction Stop | Out-Null
    Get-LifeboatGuard -VM $VM
}
