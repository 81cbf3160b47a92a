# The host itself: what it is, its switches, and whether it takes replication.
# Microsoft: Hyper-V module, Get-VMHost, Get-VMHostSupportedVersion, Get-VMSwitch,
# Get-VMReplicationServer, Get-VMReplicationAuthorizationEntry; CimCmdlets, Get-CimInstance.
function Get-LifeboatHost {
    param()
    $machine = Get-VMHost -ErrorAction Stop
    $system = Get-CimInstance -ClassName Win32_OperatingSystem -ErrorAction Stop
    $server = Get-VMReplicationServer -ErrorAction Stop
    $supported = @(Get-VMHostSupportedVersion -ErrorAction Stop | ForEach-Object { "$($_.Version)" })
    $switches = @(Get-VMSwitch -ErrorAction Stop | ForEach-Object {
        [ordered]@{ name = "$($_.Name)"; type = "$($_.SwitchType)" }
    })
    $entries = @(Get-VMReplicationAuthorizationEntry -ErrorAction Stop | ForEach-Object {
        [ordered]@{
            primary    = "$($_.AllowedPrimaryServer)"
            storage    = "$($_.ReplicaStorageLocation)"
            trustGroup = "$($_.TrustGroup)"
        }
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
        replica    = [ordered]@{
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
}
