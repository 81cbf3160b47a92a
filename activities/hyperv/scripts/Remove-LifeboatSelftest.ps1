# Removes a copy of a self-test's VM with its disks. It must bear the mark, be
# off and not replicate; no other VM passes. A disk in a folder named by the VM's
# id, as a replica server makes them, goes with the folder. What was read of the VM
# before it went is the answer.
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
    $paths = @(Get-VMHardDiskDrive -VM $machine -ErrorAction Stop | ForEach-Object { "$($_.Path)" })
    Remove-VM -VM $machine -Force -Confirm:$false -ErrorAction Stop | Out-Null
    foreach ($path in $paths) {
        $left = $path
        $at = $path.ToUpper().IndexOf("\$VM\".ToUpper())
        if ($at -gt 0) {
            $left = $path.Substring(0, $at + 37)
        }
        Remove-Item -LiteralPath $left -Recurse -Force -Confirm:$false -ErrorAction Stop | Out-Null
    }
    $view
}
