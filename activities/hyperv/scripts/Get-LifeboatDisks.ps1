# The disks of one VM: the size of each, and how much its file takes now. Both are
# null where the host does not tell, which is named in problem as <cmdlet>: <error
# id>; a disk that is no file, such as a pass-through one, has neither.
# Microsoft: Hyper-V module, Get-VM, Get-VMHardDiskDrive, Get-VHD.
function Get-LifeboatDisks {
    param([string]$VM)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    $disks = @(foreach ($drive in @(Get-VMHardDiskDrive -VM $machine -ErrorAction Stop)) {
        $path = "$($drive.Path)"
        $size = $null
        $used = $null
        $problem = ''
        try {
            $file = Get-VHD -Path $path -ErrorAction Stop
            $size = [long]$file.Size
            $used = [long]$file.FileSize
        } catch {
            $problem = "Get-VHD: $($_.FullyQualifiedErrorId)"
        }
        [ordered]@{ path = $path; size = $size; used = $used; problem = $problem }
    })
    [ordered]@{
        vm    = "$($machine.Id)"
        disks = $disks
    }
}
