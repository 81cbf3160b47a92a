# Lets this host take replication; -Force because the cmdlet would otherwise ask
# a person. From whom it takes it is left as it is.
# Microsoft: Hyper-V module, Set-VMReplicationServer.
function Set-LifeboatReplicaServer {
    param([string]$Auth, [string]$Thumbprint, [string]$Storage)
    $parameters = @{
        ReplicationEnabled        = $true
        AllowedAuthenticationType = $Auth
        Force                     = $true
        Confirm                   = $false
        ErrorAction               = 'Stop'
    }
    if ($Thumbprint) {
        $parameters['CertificateThumbprint'] = $Thumbprint
    }
    if ($Storage) {
        $parameters['DefaultStorageLocation'] = $Storage
    }
    Set-VMReplicationServer @parameters | Out-Null
    Get-LifeboatReplicaServer
}
