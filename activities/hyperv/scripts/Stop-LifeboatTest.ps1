# On the replica: removes its test VM with the test VM's disks. Without a test
# VM the same cmdlet would take back a failover and lose its writes, so that is
# refused.
# Microsoft: Hyper-V module, Stop-VMFailover, Get-VMReplication.
function Stop-LifeboatTest {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    $before = @(Get-VMReplication -VM $machine -ErrorAction Stop | Where-Object { $_.TestVirtualMachine })
    if ($before.Count -eq 0) {
        throw 'LifeboatTestNotFound'
    }
    Stop-VMFailover -VM $machine -Confirm:$false -ErrorAction Stop | Out-Null
    Get-LifeboatTest -VM $VM
}
