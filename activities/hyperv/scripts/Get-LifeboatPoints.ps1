# The checkpoints of one VM, oldest first; on a replica its recovery points are
# among them, told by their type (names are localised).
# Microsoft: Hyper-V module, Get-VMSnapshot.
function Get-LifeboatPoints {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    $points = @(Get-VMSnapshot -VM $machine -ErrorAction Stop | Sort-Object -Property CreationTime | ForEach-Object {
        [ordered]@{
            id      = "$($_.Id)"
            name    = "$($_.Name)"
            type    = "$($_.SnapshotType)"
            created = $_.CreationTime.ToUniversalTime().ToString('o')
        }
    })
    [ordered]@{ points = $points }
}
