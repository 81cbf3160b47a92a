# Starts the VM. It returns when the VM runs, not when the guest is up.
# Microsoft: Hyper-V module, Start-VM.
function Start-LifeboatCopy {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    Start-VM -VM $machine -Confirm:$false -ErrorAction Stop | Out-Null
    Get-LifeboatGuard -VM $VM
}
