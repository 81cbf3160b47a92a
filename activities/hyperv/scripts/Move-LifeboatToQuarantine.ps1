# Moves a folder of replica files into quarantine. A folder in which a VM has a
# disk, or whose VM is on this host, is left where it is.
# Microsoft: Hyper-V module, Get-VM; Microsoft.PowerShell.Management, New-Item,
# Move-Item.
function Move-LifeboatToQuarantine {
    param([string]$VM, [string]$Path, [string]$Into)
    $used = @(Find-LifeboatDisks | Where-Object { $_.StartsWith($Path.ToLower() + '\') })
    $same = @(Get-VM -ErrorAction Stop | Where-Object { "$($_.Id)" -eq $VM })
    if ($used.Count -gt 0 -or $same.Count -gt 0) {
        throw 'LifeboatFilesInUse'
    }
    New-Item -Path $Into -ItemType Directory -Force -Confirm:$false -ErrorAction Stop | Out-Null
    Move-Item -LiteralPath $Path -Destination $Into -Confirm:$false -ErrorAction Stop
    [ordered]@{ left = @() }
}
