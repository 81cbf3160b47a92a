# Asks this host to reach another one the way replication would. The cmdlet's
# text is localised; that it did not throw is the answer.
# Microsoft: Hyper-V module, Test-VMReplicationConnection.
function Test-LifeboatLink {
    param([string]$ReplicaServer, [int]$Port, [string]$Auth, [string]$Thumbprint)
    $parameters = @{
        ReplicaServerName  = $ReplicaServer
        ReplicaServerPort  = $Port
        AuthenticationType = $Auth
        ErrorAction        = 'Stop'
    }
    if ($Thumbprint) {
        $parameters['CertificateThumbprint'] = $Thumbprint
    }
    Test-VMReplicationConnection @parameters | Out-Null
    [ordered]@{ ok = $true }
}
