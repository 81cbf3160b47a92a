# Offers a VM that does not replicate as the seed of a replica: its disks are
# compared with the primary's and overwritten where they differ.
# Microsoft: Hyper-V module, Enable-VMReplication.
function Enable-LifeboatAsReplica {
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
    Enable-VMReplication @parameters | Out-Null
    Get-LifeboatGuard -VM $VM
}
