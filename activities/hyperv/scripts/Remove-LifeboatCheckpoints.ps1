# Removes checkpoints that a backup left, those named and no other: each must be of
# type Recovery still. Hyper-V merges their disks afterwards.
# Microsoft: Hyper-V module, Get-VMSnapshot, Remove-VMSnapshot.
function Remove-LifeboatCheckpoints {
    param([string]$VM, [string[]]$Points)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    $wanted = @($Points | ForEach-Object { "$([guid]$_)" })
    $found = @(Get-VMSnapshot -VM $machine -SnapshotType Recovery -ErrorAction Stop | Where-Object { $wanted -contains "$($_.Id)" })
    foreach ($point in $found) {
        Remove-VMSnapshot -VMSnapshot $point -Confirm:$false -ErrorAction Stop
    }
    Get-LifeboatGuard -VM $VM
}
