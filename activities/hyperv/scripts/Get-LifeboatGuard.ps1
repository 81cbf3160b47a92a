# What compare-and-act looks at, and what every act reads back.
# Microsoft: Hyper-V module, Get-VM.
function Get-LifeboatGuard {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    [ordered]@{
        power = "$($machine.State)"
        mode  = "$($machine.ReplicationMode)"
        state = "$($machine.ReplicationState)"
    }
}
