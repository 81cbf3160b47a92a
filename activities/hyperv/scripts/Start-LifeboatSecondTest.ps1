# On a replica: asks for a test VM whether there is one or not. A self-test wants
# the host's own answer; everything else uses Start-LifeboatTest.
# Microsoft: Hyper-V module, Start-VMFailover.
function Start-LifeboatSecondTest {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    Start-VMFailover -VM $machine -AsTest -Confirm:$false -ErrorAction Stop | Out-Null
    Get-LifeboatTest -VM $VM
}
