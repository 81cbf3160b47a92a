# On the old primary after an unplanned failover: makes it the replica, so that
# the other host can reverse replication to it. What it alone holds is
# overwritten by what comes then.
# Microsoft: Hyper-V module, Set-VMReplication.
function Set-LifeboatAsReplica {
    param([string]$VM, [string]$AllowedPrimary)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    $parameters = @{
        VM          = $machine
        AsReplica   = $true
        Confirm     = $false
        ErrorAction = 'Stop'
    }
    if ($AllowedPrimary) {
        $parameters['AllowedPrimaryServer'] = $AllowedPrimary
    }
    Set-VMReplication @parameters | Out-Null
    Get-LifeboatGuard -VM $VM
}
