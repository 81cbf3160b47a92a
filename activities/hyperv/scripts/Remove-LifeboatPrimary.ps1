# Removes the authorization entry of one server. The entry is handed over as the
# object it is, so that a wildcard in its name means itself.
# Microsoft: Hyper-V module, Remove-VMReplicationAuthorizationEntry.
function Remove-LifeboatPrimary {
    param([string]$Primary)
    $found = @(Get-VMReplicationAuthorizationEntry -ErrorAction Stop | Where-Object { "$($_.AllowedPrimaryServer)" -eq $Primary })
    foreach ($entry in $found) {
        Remove-VMReplicationAuthorizationEntry -VMReplicationAuthorizationEntry $entry -Confirm:$false -ErrorAction Stop | Out-Null
    }
    Get-LifeboatReplicaServer
}
