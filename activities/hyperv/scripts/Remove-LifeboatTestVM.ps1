# Removes a test VM that has lost its replica, and puts its disks into quarantine.
# One that shares a disk with another VM stays as it is, and so does one whose place
# in quarantine cannot be made.
# Microsoft: Hyper-V module, Remove-VM ("does not delete any virtual hard
# drives"); Microsoft.PowerShell.Management, New-Item, Move-Item.
function Remove-LifeboatTestVM {
    param([string]$VM, [string[]]$Paths, [string]$Into)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    if ("$($machine.ReplicationMode)" -ne 'TestReplica') {
        throw 'LifeboatNotATestVM'
    }
    $wanted = @($Paths | Where-Object { $_ })
    $others = @(Get-VM -ErrorAction Stop | Where-Object { "$($_.Id)" -ne $VM })
    if ($others.Count -gt 0) {
        $shared = @(Get-VMHardDiskDrive -VM $others -ErrorAction Stop | Where-Object { $wanted -contains "$($_.Path)" })
        if ($shared.Count -gt 0) {
            throw 'LifeboatFilesInUse'
        }
    }
    if ($wanted.Count -gt 0) {
        New-Item -Path $Into -ItemType Directory -Force -Confirm:$false -ErrorAction Stop | Out-Null
    }
    Remove-VM -VM $machine -Force -Confirm:$false -ErrorAction Stop
    foreach ($path in $wanted) {
        Move-Item -LiteralPath $path -Destination $Into -Confirm:$false -ErrorAction Stop
    }
    [ordered]@{ left = @() }
}
