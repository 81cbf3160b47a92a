# Deletes files that are in quarantine, and nothing else.
# Microsoft: Hyper-V module, Get-VM; Microsoft.PowerShell.Management, Remove-Item.
function Remove-LifeboatFiles {
    param([string]$Path)
    if ($Path -notlike '*\Hyper-V Replica\.lifeboat-quarantine\*\*') {
        throw 'LifeboatNotInQuarantine'
    }
    $used = @(Find-LifeboatDisks | Where-Object { $_.StartsWith($Path.ToLower() + '\') })
    if ($used.Count -gt 0) {
        throw 'LifeboatFilesInUse'
    }
    Remove-Item -LiteralPath $Path -Recurse -Force -Confirm:$false -ErrorAction Stop
    [ordered]@{ left = @() }
}
