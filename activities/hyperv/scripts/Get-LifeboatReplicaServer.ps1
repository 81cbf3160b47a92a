# Whether and from whom this host takes replication.
# Microsoft: Hyper-V module, Get-VMReplicationServer,
# Get-VMReplicationAuthorizationEntry.
function Get-LifeboatReplicaServer {
    param()
    $server = Get-VMReplicationServer -ErrorAction Stop
    $entries = @(Get-VMReplicationAuthorizationEntry -ErrorAction Stop | ForEach-Object {
        [ordered]@{
            primary    = "$($_.AllowedPrimaryServer)"
            storage    = "$($_.ReplicaStorageLocation)"
            trustGroup = "$($_.TrustGroup)"
        }
    })
    [ordered]@{
        enabled         = [bool]$server.ReplicationEnabled
        auth            = "$($server.AllowedAuthenticationType)"
        kerberosPort    = [int]$server.KerberosAuthenticationPort
        certificatePort = [int]$server.CertificateAuthenticationPort
        thumbprint      = "$($server.CertificateThumbprint)"
        anyServer       = [bool]$server.ReplicationAllowedFromAnyServer
        storage         = "$($server.DefaultStorageLocation)"
        entries         = $entries
    }
}
