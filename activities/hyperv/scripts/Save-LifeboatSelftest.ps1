# Saves a VM, as no recovery plan does: a self-test asks what a host makes of a
# saved one.
# Microsoft: Hyper-V module, Stop-VM.
function Save-LifeboatSelftest {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    Stop-VM -VM $machine -Save -Force -Confirm:$false -ErrorAction Stop | Out-Null
    Get-LifeboatGuard -VM $VM
}
