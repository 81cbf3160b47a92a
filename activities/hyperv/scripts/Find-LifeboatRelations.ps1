# What two cmdlets tell about the replication of many VMs: rows, figures by VM id
# and relationship, and problems by VM id. Each is called once for all, and the
# answers are joined by VM id, never by name. Get-VMReplication throws for a VM
# that does not replicate, so only those that do are asked about. A VM about which
# a cmdlet fails does not hide the others: it is asked about alone, and what it
# does not tell is named in problems as <cmdlet>: <error id>. For other functions
# only.
# Microsoft: Hyper-V module, Get-VMReplication, Measure-VMReplication.
function Find-LifeboatRelations {
    param([object[]]$Machines)
    $replicating = @($Machines | Where-Object { @('Primary', 'Replica', 'ExtendedReplica') -contains "$($_.ReplicationMode)" })
    $figures = @{}
    $problems = @{}
    foreach ($machine in $Machines) {
        $problems["$($machine.Id)"] = @()
    }
    $rows = @()
    $measures = @()
    if ($replicating.Count -gt 0) {
        $rows = @(Get-VMReplication -VM $replicating -ErrorAction SilentlyContinue)
        $measures = @(Measure-VMReplication -VM $replicating -ErrorAction SilentlyContinue)
    }
    $told = @($rows | ForEach-Object { "$($_.VMId)" })
    $measured = @($measures | ForEach-Object { "$($_.VMId)" })
    foreach ($machine in $replicating) {
        $id = "$($machine.Id)"
        if ($told -notcontains $id) {
            try {
                $rows = @($rows) + @(Get-VMReplication -VM $machine -ErrorAction Stop)
            } catch {
                $problems[$id] = @($problems[$id]) + @("Get-VMReplication: $($_.FullyQualifiedErrorId)")
            }
        }
        if ($measured -notcontains $id) {
            try {
                $measures = @($measures) + @(Measure-VMReplication -VM $machine -ErrorAction Stop)
            } catch {
                $problems[$id] = @($problems[$id]) + @("Measure-VMReplication: $($_.FullyQualifiedErrorId)")
            }
        }
    }
    foreach ($row in $measures) {
        $figures["$($row.VMId) $($row.ReplicationRelationshipType)"] = $row
    }
    @{ rows = $rows; figures = $figures; problems = $problems }
}
