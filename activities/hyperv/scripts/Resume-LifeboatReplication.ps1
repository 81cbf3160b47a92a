# Resumes replication that is paused or in error.
# Microsoft: Hyper-V module, Resume-VMReplication.
function Resume-LifeboatReplication {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    Resume-VMReplication -VM $machine -Confirm:$false -ErrorAction Stop | Out-Null
    Get-LifeboatGuard -VM $VM
}
