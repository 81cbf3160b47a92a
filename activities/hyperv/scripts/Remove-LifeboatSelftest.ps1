# Removes a copy of a self-test's VM with its disks. It must bear the mark, be
# off and not replicate; no other VM passes, and none with a disk that Lifeboat did
# not name. A disk in a folder named by the VM's id, as a replica server makes them,
# goes with the folder. The VM goes last: while anything is left, its mark is. What
# was read of it before it went is the answer.
# Microsoft: Hyper-V module, Get-VM, Get-VMHardDiskDrive, Remove-VM;
# Microsoft.PowerShell.Management, Remove-Item.
function Remove-LifeboatSelftest {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    if ("$($machine.Notes)" -ne "lifeboat-selftest:$($machine.Id)") {
        throw 'LifeboatNotMarked'
    }
    if ("$($machine.State)" -ne 'Off' -or "$($machine.ReplicationMode)" -ne 'None') {
        throw 'LifeboatNotAtRest'
    }
    $view = Get-LifeboatGuard -VM $VM
    $left = @(Get-VMHardDiskDrive -VM $machine -ErrorAction Stop | ForEach-Object {
        $path = "$($_.Path)"
        $at = $path.ToUpper().IndexOf("\$VM\".ToUpper())
        if ($at -gt 0) {
            $path.Substring(0, $at + 37)
        } elseif ($path.ToLower().Contains('\lifeboat-selftest-') -or $path.ToLower().Contains('\lifeboat-canary-')) {
            $path
        } else {
            throw 'LifeboatForeignDisk'
        }
    })
    foreach ($path in $left) {
        try {
            Remove-Item -LiteralPath $path -Recurse -Force -Confirm:$false -ErrorAction Stop | Out-Null
        } catch {
            if (-not "$($_.FullyQualifiedErrorId)".StartsWith('PathNotFound')) {
                throw
            }
        }
    }
    Remove-VM -VM $machine -Force -Confirm:$false -ErrorAction Stop | Out-Null
    $view
}
