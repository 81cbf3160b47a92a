# Ends one relationship of a VM on this host alone; the VM and its disks stay.
# The relationship is handed to the cmdlet as the object it is: by name two VMs
# could be meant, and -VM takes no type of relationship. The simple one stays
# while an extended one hangs on it.
# Microsoft: Hyper-V module, Get-VMReplication, Remove-VMReplication.
function Remove-LifeboatReplication {
    param([string]$VM, [string]$Relationship)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    $rows = @(Get-VMReplication -VM $machine -ErrorAction Stop)
    $extended = @($rows | Where-Object { "$($_.ReplicationRelationshipType)" -eq 'Extended' })
    if ($extended.Count -gt 0 -and $Relationship -ne 'Extended') {
        throw 'LifeboatExtendedExists'
    }
    $found = @($rows | Where-Object { "$($_.ReplicationRelationshipType)" -eq $Relationship })
    if ($found.Count -ne 1) {
        throw 'LifeboatRelationNotFound'
    }
    $relation = $found[0]
    Remove-VMReplication -VMReplication $relation -Confirm:$false -ErrorAction Stop | Out-Null
    Get-LifeboatGuard -VM $VM
}
