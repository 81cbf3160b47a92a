# The paths of the disks of all VMs of this host, and of the parents that differencing
# ones rest on, in lower case. A disk that cannot be read hides its parent. For other
# functions only.
# Microsoft: Hyper-V module, Get-VM, Get-VMHardDiskDrive, Get-VHD.
function Find-LifeboatDisks {
    param()
    $machines = @(Get-VM -ErrorAction Stop)
    $all = @()
    if ($machines.Count -gt 0) {
        $all = @(Get-VMHardDiskDrive -VM $machines -ErrorAction Stop | ForEach-Object { "$($_.Path)".ToLower() } | Where-Object { $_ })
    }
    $open = @($all)
    while ($open.Count -gt 0) {
        $parents = @()
        foreach ($one in $open) {
            $parent = ''
            try {
                $disk = Get-VHD -Path $one -ErrorAction Stop
                $parent = "$($disk.ParentPath)".ToLower()
            } catch {
                $parent = ''
            }
            $parents = @($parents) + @($parent)
        }
        $open = @($parents | Where-Object { $_ -and $all -notcontains $_ } | Sort-Object -Unique)
        $all = @($all) + @($open)
    }
    $all
}
