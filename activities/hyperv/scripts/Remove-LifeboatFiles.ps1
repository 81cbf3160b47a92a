# Deletes files that are in quarantine, and nothing else: a junction on the way could
# lead Remove-Item to what is in use elsewhere.
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
    $folder = $Path.Substring(0, $Path.LastIndexOf('\'))
    $all = @(Get-ChildItem -LiteralPath $folder -Force -ErrorAction Stop | Where-Object { "$($_.FullName)" -eq $Path })
    $all = @($all) + @(Get-ChildItem -LiteralPath $Path -Recurse -Force -ErrorAction Stop)
    $links = @($all | Where-Object { $_.PSIsContainer -and "$($_.Attributes)" -like '*ReparsePoint*' })
    if ($links.Count -gt 0) {
        throw 'LifeboatJunction'
    }
    Remove-Item -LiteralPath $Path -Recurse -Force -Confirm:$false -ErrorAction Stop
    [ordered]@{ left = @() }
}
