# Removes a test VM that has lost its replica, and puts its disks into quarantine:
# those named, that no other VM has. The others stay where they are and are told.
# Microsoft: Hyper-V module, Remove-VM ("does not delete any virtual hard
# drives"); Microsoft.PowerShell.Management, New-Item, Move-Item.
function Remove-LifeboatTestVM {
    param([string]$VM, [string[]]$Paths, [string]$Into)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    if ("$($machine.ReplicationMode)" -ne 'TestReplica') {
        throw 'LifeboatNotATestVM'
    }
    Remove-VM -VM $machine -Force -Confirm:$false -ErrorAction Stop
    $used = @(Find-LifeboatDisks)
    $free = @($Paths | Where-Object { $_ -and $used -notcontains $_.ToLower() })
    if ($free.Count -gt 0) {
        New-Item -Path $Into -ItemType Directory -Force -Confirm:$false -ErrorAction Stop | Out-Null
    }
    foreach ($path in $free) {
        Move-Item -LiteralPath $path -Destination $Into -Confirm:$false -ErrorAction Stop
    }
    [ordered]@{ left = @($Paths | Where-Object { $_ -and $used -contains $_.ToLower() }) }
}
