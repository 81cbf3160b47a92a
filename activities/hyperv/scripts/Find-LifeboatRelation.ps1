# One relationship of a VM, Simple or Extended, as the object that cmdlets take: by
# name two VMs could be meant, and -VM takes no type of relationship. It must still
# be in the state that the decision was based on: the guard sees only the state of
# the VM's own relationship. For other functions only.
# Microsoft: Hyper-V module, Get-VMReplication.
function Find-LifeboatRelation {
    param([string]$VM, [string]$Relationship, [string]$State)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    $found = @(Get-VMReplication -VM $machine -ErrorAction Stop | Where-Object { "$($_.ReplicationRelationshipType)" -eq $Relationship })
    if ($found.Count -ne 1) {
        throw 'LifeboatRelationNotFound'
    }
    if ("$($found[0].ReplicationState)" -ne $State) {
        throw 'LifeboatRelationMoved'
    }
    $found[0]
}
