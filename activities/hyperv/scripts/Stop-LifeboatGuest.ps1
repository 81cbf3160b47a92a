# Asks the guest to shut down and waits; -Force because the cmdlet would
# otherwise ask a person whether to turn it off.
# Microsoft: Hyper-V module, Stop-VM.
function Stop-LifeboatGuest {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    Stop-VM -VM $machine -Force -Confirm:$false -ErrorAction Stop | Out-Null
    Get-LifeboatGuard -VM $VM
}
