# Resumes replication that is paused or in error. In the middle of a chain it is the
# VM's own relationship alone, as the object it is: what the middle sends on may be
# paused on purpose, and it is not documented which ones -VM resumes.
# Microsoft: Hyper-V module, Get-VMReplication, Resume-VMReplication.
function Resume-LifeboatReplication {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    $rows = @(Get-VMReplication -VM $machine -ErrorAction Stop)
    if ($rows.Count -gt 1) {
        $own = @($rows | Where-Object { "$($_.ReplicationRelationshipType)" -eq 'Simple' })
        if ($own.Count -ne 1) {
            throw 'LifeboatRelationNotFound'
        }
        $relation = $own[0]
        Resume-VMReplication -VMReplication $relation -Confirm:$false -ErrorAction Stop | Out-Null
    } else {
        Resume-VMReplication -VM $machine -Confirm:$false -ErrorAction Stop | Out-Null
    }
    Get-LifeboatGuard -VM $VM
}
