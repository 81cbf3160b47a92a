# The host itself: what it is, its switches, and whether it takes replication.
# Microsoft: Hyper-V module, Get-VMHost, Get-VMHostSupportedVersion, Get-VMSwitch;
# CimCmdlets, Get-CimInstance.
function Get-LifeboatHost {
    param()
    $machine = Get-VMHost -ErrorAction Stop
    $system = Get-CimInstance -ClassName Win32_OperatingSystem -ErrorAction Stop
    $supported = @(Get-VMHostSupportedVersion -ErrorAction Stop | ForEach-Object { "$($_.Version)" })
    $switches = @(Get-VMSwitch -ErrorAction Stop | ForEach-Object {
        [ordered]@{ name = "$($_.Name)"; type = "$($_.SwitchType)" }
    })
    [ordered]@{
        name       = "$($machine.Name)"
        utc        = (Get-Date).ToUniversalTime().ToString('o')
        os         = "$($system.Caption)"
        version    = "$($system.Version)"
        memory     = [long]$machine.MemoryCapacity
        processors = [int]$machine.LogicalProcessorCount
        supported  = $supported
        switches   = $switches
        replica    = Get-LifeboatReplicaServer
    }
}
