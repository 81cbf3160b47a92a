# The recovery point with this id, which must be one of this VM.
# Microsoft: Hyper-V module, Get-VMSnapshot.
function Find-LifeboatPoint {
    param([object]$Machine, [string]$Point)
    $found = @(Get-VMSnapshot -VM $Machine -ErrorAction Stop | Where-Object { "$($_.Id)" -eq $Point })
    if ($found.Count -ne 1) {
        throw 'LifeboatPointNotFound'
    }
    $snapshot = $found[0]
    if (@('Replica', 'AppConsistentReplica', 'SyncedReplica') -notcontains "$($snapshot.SnapshotType)") {
        throw 'LifeboatPointNotRecovery'
    }
    $snapshot
}
