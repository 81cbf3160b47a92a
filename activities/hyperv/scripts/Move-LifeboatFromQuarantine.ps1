# Moves files out of quarantine, back to their place. What has come to stand there
# meanwhile is left as it is, and so are the files then.
# Microsoft: Hyper-V module, Get-VM; Microsoft.PowerShell.Management,
# Get-ChildItem, Move-Item.
function Move-LifeboatFromQuarantine {
    param([string]$Path, [string]$To, [string]$Folder)
    $used = @(Find-LifeboatDisks | Where-Object { $_.StartsWith($To.ToLower() + '\') })
    $there = @(Get-ChildItem -LiteralPath $Folder -Force -ErrorAction Stop | Where-Object { "$($_.FullName)" -eq $To })
    if ($used.Count -gt 0 -or $there.Count -gt 0) {
        throw 'LifeboatPlaceTaken'
    }
    Move-Item -LiteralPath $Path -Destination $To -Confirm:$false -ErrorAction Stop
    [ordered]@{ left = @() }
}
