# What a self-test must know of these VMs, and of every VM here that bears the
# mark of one, besides what Get-LifeboatCopies tells. The mark is in a VM's notes
# and names the VM's own id, so that no copy or import of it passes for it. VMs
# that have only the name of one are named as strays.
# Microsoft: Hyper-V module, Get-VM, Get-VMHardDiskDrive, Get-VMNetworkAdapter,
# Get-VMSnapshot.
function Get-LifeboatSelftest {
    param([string[]]$VMs)
    $wanted = @($VMs | Where-Object { $_ } | ForEach-Object { "$([guid]$_)" })
    $found = @()
    $strays = @()
    foreach ($machine in @(Get-VM -ErrorAction Stop)) {
        $id = "$($machine.Id)"
        $mode = "$($machine.ReplicationMode)"
        $marked = ("$($machine.Notes)" -eq "lifeboat-selftest:$id")
        if ($marked -or $wanted -contains $id) {
            $found = @($found) + @([ordered]@{
                vm     = $id
                name   = "$($machine.Name)"
                power  = "$($machine.State)"
                mode   = $mode
                state  = "$($machine.ReplicationState)"
                marked = $marked
                macs   = @(Get-VMNetworkAdapter -VM $machine -ErrorAction Stop | ForEach-Object { "$($_.MacAddress)" })
                disks  = @(Get-VMHardDiskDrive -VM $machine -ErrorAction Stop | ForEach-Object { "$($_.Path)" })
                points = @(Get-VMSnapshot -VM $machine -ErrorAction Stop | ForEach-Object { "$($_.SnapshotType)" })
            })
        } elseif (("$($machine.Name)".StartsWith('lifeboat-selftest-') -or "$($machine.Name)".StartsWith('lifeboat-canary-')) -and $mode -ne 'TestReplica') {
            $strays = @($strays) + @("$($machine.Name)")
        }
    }
    [ordered]@{
        vms    = $found
        strays = $strays
    }
}
