# The failover cluster of this host: its nodes, and its groups for VMs. Of a group
# that this node owns and that is not wholly online it tells for which VM it is,
# which of the VM's resources have failed, what other resources are in it and, where
# that VM is not among Machines, how many files of the VM's configuration are in its
# store: -1 where nobody looked, or the store cannot be read, as when its volume is
# not there. Fails on a host that is no node. For other functions only.
# Microsoft: FailoverClusters module, Get-ClusterNode, Get-ClusterGroup,
# Get-ClusterResource, Get-ClusterParameter; failover cluster APIs, private
# properties VmID and VmStoreRootPath of "Virtual Machine Configuration".
function Find-LifeboatCluster {
    param([string]$Node, [object[]]$Machines)
    $nodes = @(Get-ClusterNode -ErrorAction Stop)
    $groups = @(Get-ClusterGroup -ErrorAction Stop | Where-Object { "$($_.GroupType)" -eq 'VirtualMachine' })
    $resources = @(Get-ClusterResource -ErrorAction Stop)
    $types = @('Virtual Machine', 'Virtual Machine Configuration')
    $here = @($Machines | Where-Object { $_ } | ForEach-Object { "$($_.Id)" })
    $told = @(foreach ($group in $groups) {
        $vm = ''
        $store = ''
        $files = -1
        $all = @()
        if ("$($group.OwnerNode.Name)" -eq $Node -and "$($group.State)" -ne 'Online') {
            $all = @($resources | Where-Object { "$($_.OwnerGroup.Id)" -eq "$($group.Id)" })
        }
        $own = @($all | Where-Object { $types -contains "$($_.ResourceType.Name)" })
        foreach ($resource in $own) {
            foreach ($parameter in @(Get-ClusterParameter -InputObject $resource -ErrorAction Stop)) {
                if ("$($parameter.Name)" -eq 'VmID') {
                    $vm = "$([guid]$parameter.Value)"
                }
                if ("$($parameter.Name)" -eq 'VmStoreRootPath') {
                    $store = "$($parameter.Value)"
                }
            }
        }
        if ($vm -and $store -and $here -notcontains $vm) {
            try {
                $tops = @(Get-ChildItem -LiteralPath $store -Force -ErrorAction Stop)
                $inner = @($tops | Where-Object { $_.PSIsContainer -and "$($_.Name)" -like '*Virtual Machines' } | ForEach-Object {
                    Get-ChildItem -LiteralPath $_.FullName -Recurse -Force -ErrorAction Stop
                })
                $files = [int]@(@($tops) + @($inner) | Where-Object { "$($_.Name)" -like "$vm.*" }).Count
            } catch {
                $files = -1
            }
        }
        [ordered]@{
            id     = "$($group.Id)"
            name   = "$($group.Name)"
            owner  = "$($group.OwnerNode.Name)"
            state  = "$($group.State)"
            vm     = $vm
            failed = @($own | Where-Object { "$($_.State)" -eq 'Failed' } | ForEach-Object { "$($_.ResourceType.Name)" })
            others = @($all | Where-Object { $types -notcontains "$($_.ResourceType.Name)" } | ForEach-Object { "$($_.ResourceType.Name)" })
            store  = $store
            files  = $files
        }
    })
    [ordered]@{
        name   = "$($nodes[0].Cluster.Name)"
        nodes  = @($nodes | ForEach-Object { "$($_.Name)" })
        groups = $told
    }
}
