# Removes a cluster's group for a VM that is no more, with the VM's resources.
# Refuses one that is not as it was: this node must own it, for this VM, with a
# resource that has failed and no resource of another type, such as a disk; and its
# store must be known to hold no file of the VM's configuration, which is asked where
# the VM is not on this node.
# Microsoft: Hyper-V module, Get-VMHost, Get-VM; FailoverClusters module,
# Remove-ClusterGroup.
function Remove-LifeboatClusterGroup {
    param([string]$VM, [string]$Group)
    $machine = Get-VMHost -ErrorAction Stop
    $machines = @(Get-VM -ErrorAction Stop)
    $cluster = Find-LifeboatCluster -Node "$($machine.Name)" -Machines $machines
    $same = @($cluster['groups'] | Where-Object { $_['id'] -eq $Group -and $_['vm'] -eq $VM -and $_['failed'].Count -gt 0 -and $_['others'].Count -eq 0 -and $_['files'] -eq 0 })
    if ($same.Count -ne 1) {
        throw 'LifeboatGroupChanged'
    }
    Remove-ClusterGroup -VMId $VM -RemoveResources -Force -Confirm:$false -ErrorAction Stop
    [ordered]@{ left = @() }
}
