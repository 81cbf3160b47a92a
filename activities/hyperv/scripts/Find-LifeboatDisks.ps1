# The paths of the disks of all VMs of this host, in lower case. For other
# functions only.
# Microsoft: Hyper-V module, Get-VM, Get-VMHardDiskDrive.
function Find-LifeboatDisks {
    param()
    $machines = @(Get-VM -ErrorAction Stop)
    if ($machines.Count -gt 0) {
        Get-VMHardDiskDrive -VM $machines -ErrorAction Stop | ForEach-Object { "$($_.Path)".ToLower() }
    }
}
