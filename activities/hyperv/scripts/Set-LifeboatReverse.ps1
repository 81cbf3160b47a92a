# On the replica after a failover: makes it the primary and the other host the
# replica. It commits the failover: the recovery points are merged and there is
# no way back. With certificates this host's own thumbprint must be given.
# Microsoft: Hyper-V module, Set-VMReplication.
function Set-LifeboatReverse {
    param([string]$VM, [string]$ReplicaServer, [string]$Thumbprint)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    $parameters = @{
        VM          = $machine
        Reverse     = $true
        Confirm     = $false
        ErrorAction = 'Stop'
    }
    if ($ReplicaServer) {
        $parameters['ReplicaServerName'] = $ReplicaServer
    }
    if ($Thumbprint) {
        $parameters['CertificateThumbprint'] = $Thumbprint
    }
    Set-VMReplication @parameters | Out-Null
    Get-LifeboatGuard -VM $VM
}
