# Makes the VM of a self-test or a canary: small, off, its adapter on no switch, its disk
# empty. One of the name that is there already is taken for what an earlier
# attempt left, unless its notes say otherwise; the mark is written last.
# Microsoft: Hyper-V module, Get-VM, Get-VMHost, New-VM, Set-VM.
function New-LifeboatSelftest {
    param([string]$Name, [long]$Memory, [long]$Disk)
    if (-not $Name.StartsWith('lifeboat-selftest-') -and -not $Name.StartsWith('lifeboat-canary-')) {
        throw 'LifeboatNameTaken'
    }
    $found = @(Get-VM -ErrorAction Stop | Where-Object { "$($_.Name)" -eq $Name })
    if ($found.Count -eq 0) {
        $computer = Get-VMHost -ErrorAction Stop
        $path = "$($computer.VirtualHardDiskPath)\$Name.vhdx"
        New-VM -Name $Name -MemoryStartupBytes $Memory -Generation 2 -NewVHDPath $path -NewVHDSizeBytes $Disk -Confirm:$false -ErrorAction Stop | Out-Null
        $found = @(Get-VM -ErrorAction Stop | Where-Object { "$($_.Name)" -eq $Name })
    }
    if ($found.Count -ne 1) {
        throw 'LifeboatNameTaken'
    }
    $machine = $found[0]
    $mark = "lifeboat-selftest:$($machine.Id)"
    if ("$($machine.Notes)" -and "$($machine.Notes)" -ne $mark) {
        throw 'LifeboatNameTaken'
    }
    Set-VM -VM $machine -Notes $mark -Confirm:$false -ErrorAction Stop | Out-Null
    [ordered]@{ vm = "$($machine.Id)" }
}
