# Pauses replication; changes are still tracked.
# Microsoft: Hyper-V module, Suspend-VMReplication.
function Suspend-LifeboatReplication {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    Suspend-VMReplication -VM $machine -Confirm:$false -ErrorAction Stop | Out-Null
    Get-LifeboatGuard -VM $VM
}
