# A replica and the id of its test VM, read from the replica's relationship; null
# when it has none.
# Microsoft: Hyper-V module, Get-VM, Get-VMReplication.
function Get-LifeboatTest {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    $tests = @(Get-VMReplication -VM $machine -ErrorAction Stop | Where-Object { $_.TestVirtualMachine } | ForEach-Object { "$($_.TestVirtualMachine.Id)" })
    $test = $null
    if ($tests.Count -gt 0) {
        $test = $tests[0]
    }
    [ordered]@{
        power  = "$($machine.State)"
        mode   = "$($machine.ReplicationMode)"
        state  = "$($machine.ReplicationState)"
        testVM = $test
    }
}
