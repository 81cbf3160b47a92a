# The one adapter of this name; an empty name means the only one there is.
function Find-LifeboatAdapter {
    param([object[]]$Adapters, [string]$Name)
    $found = @($Adapters | Where-Object { -not $Name -or $_.Name -eq $Name })
    if ($found.Count -eq 0) {
        throw 'LifeboatAdapterNotFound'
    }
    if ($found.Count -gt 1) {
        throw 'LifeboatAdapterAmbiguous'
    }
    $found[0]
}
