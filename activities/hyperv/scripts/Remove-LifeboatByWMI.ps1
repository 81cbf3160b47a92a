# Ends the replication of a VM that another provider has, which the cmdlets refuse
# to touch. The VM is named by its GUID, as the service names it.
# Microsoft: Hyper-V WMI provider, RemoveReplicationRelationship of
# Msvm_ReplicationService; Azure Site Recovery, "Remove servers and disable
# protection"; CimCmdlets, Get-CimInstance, Invoke-CimMethod.
function Remove-LifeboatByWMI {
    param([string]$VM)
    $space = 'root/virtualization/v2'
    $service = Get-CimInstance -Namespace $space -ClassName Msvm_ReplicationService -ErrorAction Stop
    $computer = @(Get-CimInstance -Namespace $space -ClassName Msvm_ComputerSystem -Filter "Name='$($VM.ToUpper())'" -ErrorAction Stop)
    if ($computer.Count -ne 1) {
        throw 'LifeboatVMNotFound'
    }
    $answer = Invoke-CimMethod -InputObject $service -MethodName RemoveReplicationRelationship -Arguments @{ ComputerSystem = $computer[0] } -Confirm:$false -ErrorAction Stop
    if (@(0, 4096) -notcontains [int]$answer.ReturnValue) {
        throw 'LifeboatWMIRefused'
    }
    Get-LifeboatGuard -VM $VM
}
