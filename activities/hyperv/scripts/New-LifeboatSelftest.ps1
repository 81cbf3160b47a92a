# Makes the VM of a self-test or a canary: small, off, its adapter on no switch, its disk
# empty. One of the name that is there already is taken for what an earlier
# attempt left, unless its notes say otherwise or anything was done with it; the mark
# is written last. Where no VM comes of it, no disk is left that was made for it.
# Microsoft: Hyper-V module, Get-VM, Get-VMHost, New-VM, Set-VM;
# Microsoft.PowerShell.Management, Remove-Item.
function New-LifeboatSelftest {
    param([string]$Name, [long]$Memory, [long]$Disk)
    if (-not $Name.StartsWith('lifeboat-selftest-') -and -not $Name.StartsWith('lifeboat-canary-')) {
        throw 'LifeboatNameTaken'
    }
    $found = @(Get-VM -ErrorAction Stop | Where-Object { "$($_.Name)" -eq $Name })
    if ($found.Count -eq 0) {
        $computer = Get-VMHost -ErrorAction Stop
        $path = "$($computer.VirtualHardDiskPath)\$Name.vhdx"
        try {
            New-VM -Name $Name -MemoryStartupBytes $Memory -Generation 2 -NewVHDPath $path -NewVHDSizeBytes $Disk -Confirm:$false -ErrorAction Stop | Out-Null
        } catch {
            $why = $_
            $named = @(Get-VM -ErrorAction Stop | Where-Object { "$($_.Name)" -eq $Name })
            if ($named.Count -eq 0 -and @(Find-LifeboatDisks | Where-Object { $_.EndsWith("\$Name.vhdx".ToLower()) }).Count -eq 0) {
                try {
                    Remove-Item -LiteralPath $path -Force -Confirm:$false -ErrorAction Stop | Out-Null
                } catch {
                    if (-not "$($_.FullyQualifiedErrorId)".StartsWith('PathNotFound')) {
                        throw
                    }
                }
            }
            throw $why
        }
        $found = @(Get-VM -ErrorAction Stop | Where-Object { "$($_.Name)" -eq $Name })
    }
    if ($found.Count -ne 1) {
        throw 'LifeboatNameTaken'
    }
    $machine = $found[0]
    $mark = "lifeboat-selftest:$($machine.Id)"
    if ("$($machine.Notes)" -ne $mark) {
        if ("$($machine.Notes)" -or "$($machine.State)" -ne 'Off' -or "$($machine.ReplicationMode)" -ne 'None') {
            throw 'LifeboatNameTaken'
        }
        Set-VM -VM $machine -Notes $mark -Confirm:$false -ErrorAction Stop | Out-Null
    }
    [ordered]@{ vm = "$($machine.Id)" }
}
