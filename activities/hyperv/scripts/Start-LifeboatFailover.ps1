# On the replica: fails over to the latest point. The VM is not started.
# Microsoft: Hyper-V module, Start-VMFailover.
function Start-LifeboatFailover {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    Start-VMFailover -VM $machine -Confirm:$false -ErrorAction Stop | Out-Null
    $machine = Get-VM -Id $VM -ErrorAction Stop
    [ordered]@{
        power = "$($machine.State)"
        mode  = "$($machine.ReplicationMode)"
        state = "$($machine.ReplicationState)"
    }
}
