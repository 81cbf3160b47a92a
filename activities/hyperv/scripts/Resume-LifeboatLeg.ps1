# In the middle of a chain: resumes what it sends on to the third copy, or compares
# both copies and sends what differs. The first relationship is not touched. With
# Resynchronize the recovery points of the third copy are removed.
# Microsoft: Hyper-V module, Resume-VMReplication.
function Resume-LifeboatLeg {
    param([string]$VM, [string]$State, [bool]$Resynchronize)
    $relation = Find-LifeboatRelation -VM $VM -Relationship 'Extended' -State $State
    $parameters = @{ VMReplication = $relation; Confirm = $false; ErrorAction = 'Stop' }
    if ($Resynchronize) {
        $parameters['Resynchronize'] = $true
    }
    Resume-VMReplication @parameters | Out-Null
    Get-LifeboatGuard -VM $VM
}
