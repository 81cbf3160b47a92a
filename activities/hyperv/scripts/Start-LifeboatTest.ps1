# On the replica: makes a test VM as of the latest point, or of the recovery
# point with this id. It is not started, and
# replication goes on. Its id is read back from the replica's relationship.
# Microsoft: Hyper-V module, Start-VMFailover, Get-VMReplication.
function Start-LifeboatTest {
    param([string]$VM, [string]$Point)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    $before = @(Get-VMReplication -VM $machine -ErrorAction Stop | Where-Object { $_.TestVirtualMachine })
    if ($before.Count -gt 0) {
        throw 'LifeboatTestExists'
    }
    if ($Point) {
        $snapshot = Find-LifeboatPoint -Machine $machine -Point $Point
        Start-VMFailover -VMRecoverySnapshot $snapshot -AsTest -Confirm:$false -ErrorAction Stop | Out-Null
    } else {
        Start-VMFailover -VM $machine -AsTest -Confirm:$false -ErrorAction Stop | Out-Null
    }
    Get-LifeboatTest -VM $VM
}
