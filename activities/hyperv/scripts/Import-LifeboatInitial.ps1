# On the replica: takes the first copy of the disks from the folder that the
# primary wrote for this VM.
# Microsoft: Hyper-V module, Import-VMInitialReplication.
function Import-LifeboatInitial {
    param([string]$VM, [string]$Path)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    Import-VMInitialReplication -VM $machine -Path $Path -Confirm:$false -ErrorAction Stop | Out-Null
    Get-LifeboatGuard -VM $VM
}
