# Which VMs need a key to start, whose guardians can open theirs, and which keys
# this host has. Get-VMSecurity is called once for all; its objects do not say
# whose they are, so VMs are asked one by one only where one of them needs a key,
# or cannot be told. A host none of whose VMs needs a key is not asked for its
# keys. What cannot be told is named in problems as <cmdlet>: <error id>. For other
# functions only.
# Microsoft: Hyper-V module, Get-VMSecurity, Get-VMKeyProtector; HgsClient,
# ConvertTo-HgsKeyProtector, Get-HgsClientConfiguration;
# Microsoft.PowerShell.Security, about_Certificate_Provider.
function Find-LifeboatKeys {
    param([object[]]$Machines)
    $asked = @($Machines | Where-Object { $_ })
    $alone = $asked
    if ($asked.Count -gt 0) {
        try {
            $all = @(Get-VMSecurity -VM $asked -ErrorAction Stop)
            $needing = @($all | Where-Object { $_.TpmEnabled -or $_.KsdEnabled -or $_.Shielded -or $_.EncryptStateAndVmMigrationTraffic })
            if ($all.Count -eq $asked.Count -and $needing.Count -eq 0) {
                $alone = @()
            }
        } catch {
            $alone = $asked
        }
    }
    $vms = @()
    $needed = $false
    foreach ($machine in $alone) {
        $tpm = $false
        $other = $false
        $guardians = @()
        $problems = @()
        try {
            $security = Get-VMSecurity -VM $machine -ErrorAction Stop
            $tpm = [bool]$security.TpmEnabled
            $other = [bool]($security.KsdEnabled -or $security.Shielded -or $security.EncryptStateAndVmMigrationTraffic)
        } catch {
            $problems = @($problems) + @("Get-VMSecurity: $($_.FullyQualifiedErrorId)")
        }
        if ($tpm -or $other) {
            $needed = $true
            try {
                $raw = Get-VMKeyProtector -VM $machine -Confirm:$false -ErrorAction Stop
                $protector = ConvertTo-HgsKeyProtector -Bytes $raw -ErrorAction Stop
                $guardians = @(@(@($protector.Owner) + @($protector.Guardians)) | ForEach-Object { "$($_.EncryptionCertificate.Thumbprint)" } | Where-Object { $_ })
            } catch {
                $problems = @($problems) + @("Get-VMKeyProtector: $($_.FullyQualifiedErrorId)")
            }
        }
        if ($tpm -or $other -or $problems.Count -gt 0) {
            $vms = @($vms) + @([ordered]@{ vm = "$($machine.Id)"; tpm = $tpm; other = $other; guardians = $guardians; problems = $problems })
        }
    }
    $local = @()
    $server = ''
    $attestation = ''
    $guarded = $false
    $problems = @()
    if ($needed) {
        try {
            $client = Get-HgsClientConfiguration -ErrorAction Stop
            $server = "$($client.KeyProtectionServerUrl)"
            $attestation = "$($client.AttestationStatus)"
            $guarded = [bool]$client.IsHostGuarded
        } catch {
            $problems = @($problems) + @("Get-HgsClientConfiguration: $($_.FullyQualifiedErrorId)")
        }
        try {
            $local = @(Get-ChildItem -Path 'Cert:\LocalMachine\Shielded VM Local Certificates' -ErrorAction Stop | Where-Object { $_.HasPrivateKey } | ForEach-Object { "$($_.Thumbprint)" })
        } catch {
            $problems = @($problems) + @("Get-ChildItem: $($_.FullyQualifiedErrorId)")
        }
    }
    [ordered]@{ vms = $vms; local = $local; server = $server; guarded = $guarded; attestation = $attestation; problems = $problems }
}
