# On the replica: fails over to the latest point, or to the recovery point with
# this id. The VM is not started. A VM that is
# failed over stays as it is: another point needs Stop-VMFailover first.
# Microsoft: Hyper-V module, Start-VMFailover.
function Start-LifeboatFailover {
    param([string]$VM, [string]$Point)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    if (@('FailedOverWaitingCompletion', 'FailedOver') -contains "$($machine.ReplicationState)") {
        throw 'LifeboatFailedOver'
    }
    if ($Point) {
        $snapshot = Find-LifeboatPoint -Machine $machine -Point $Point
        Start-VMFailover -VMRecoverySnapshot $snapshot -Confirm:$false -ErrorAction Stop | Out-Null
    } else {
        Start-VMFailover -VM $machine -Confirm:$false -ErrorAction Stop | Out-Null
    }
    Get-LifeboatGuard -VM $VM
}
