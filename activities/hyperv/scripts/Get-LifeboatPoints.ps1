# The checkpoints of many VMs in one answer, oldest first; on a replica its
# recovery points are among them, told by their type (names are localised).
# The cmdlet is called once for all; when that fails each VM is asked alone, so
# that one does not hide the others: what cannot be told is named in problems
# as <cmdlet>: <error id>.
# Microsoft: Hyper-V module, Get-VM, Get-VMSnapshot.
function Get-LifeboatPoints {
    param([string[]]$VMs)
    $wanted = @($VMs | Where-Object { $_ } | ForEach-Object { "$([guid]$_)" })
    $chosen = @(Get-VM -ErrorAction Stop | Where-Object { $wanted -contains "$($_.Id)" })
    $points = @{}
    $problems = @{}
    foreach ($machine in $chosen) {
        $points["$($machine.Id)"] = @()
        $problems["$($machine.Id)"] = @()
    }
    $rows = @()
    if ($chosen.Count -gt 0) {
        try {
            $rows = @(Get-VMSnapshot -VM $chosen -ErrorAction Stop)
        } catch {
            foreach ($machine in $chosen) {
                $id = "$($machine.Id)"
                try {
                    $rows = @($rows) + @(Get-VMSnapshot -VM $machine -ErrorAction Stop)
                } catch {
                    $problems[$id] = @($problems[$id]) + @("Get-VMSnapshot: $($_.FullyQualifiedErrorId)")
                }
            }
        }
    }
    foreach ($row in @($rows | Sort-Object -Property CreationTime)) {
        $id = "$($row.VMId)"
        $point = [ordered]@{
            id      = "$($row.Id)"
            name    = "$($row.Name)"
            type    = "$($row.SnapshotType)"
            created = $row.CreationTime.ToUniversalTime().ToString('o')
        }
        $points[$id] = @($points[$id]) + @($point)
    }
    [ordered]@{
        vms     = @(foreach ($machine in $chosen) {
            $id = "$($machine.Id)"
            [ordered]@{ vm = $id; points = $points[$id]; problems = $problems[$id] }
        })
        missing = @($wanted | Where-Object { -not $points.ContainsKey($_) })
    }
}
