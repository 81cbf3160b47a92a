# Lets one server, or *.domain, replicate to this host.
# Microsoft: Hyper-V module, New-VMReplicationAuthorizationEntry.
function Add-LifeboatPrimary {
    param([string]$Primary, [string]$Storage, [string]$TrustGroup)
    New-VMReplicationAuthorizationEntry -AllowedPrimaryServer $Primary -ReplicaStorageLocation $Storage -TrustGroup $TrustGroup -Confirm:$false -ErrorAction Stop | Out-Null
    Get-LifeboatReplicaServer
}
