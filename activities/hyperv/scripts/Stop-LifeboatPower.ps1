# Cuts the power of the guest.
# Microsoft: Hyper-V module, Stop-VM.
function Stop-LifeboatPower {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    Stop-VM -VM $machine -TurnOff -Force -Confirm:$false -ErrorAction Stop | Out-Null
    Get-LifeboatGuard -VM $VM
}
