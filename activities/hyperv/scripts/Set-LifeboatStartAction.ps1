# What the VM does when its host boots: Nothing, StartIfRunning or Start.
# Microsoft: Hyper-V module, Set-VM.
function Set-LifeboatStartAction {
    param([string]$VM, [string]$Action)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    Set-VM -VM $machine -AutomaticStartAction $Action -Confirm:$false -ErrorAction Stop | Out-Null
    $machine = Get-VM -Id $VM -ErrorAction Stop
    [ordered]@{
        power     = "$($machine.State)"
        mode      = "$($machine.ReplicationMode)"
        state     = "$($machine.ReplicationState)"
        autoStart = "$($machine.AutomaticStartAction)"
    }
}
