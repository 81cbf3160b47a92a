# Marks a copy of a self-test's VM, as its notes may not come with replication.
# Microsoft: Hyper-V module, Set-VM.
function Set-LifeboatSelftestMark {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    Set-VM -VM $machine -Notes "lifeboat-selftest:$($machine.Id)" -Confirm:$false -ErrorAction Stop | Out-Null
    Get-LifeboatGuard -VM $VM
}
