# Runs a script inside the guest through PowerShell Direct. The password is
# never bound to a cmdlet's parameter as plain text: module logging records
# parameter values.
# Microsoft: Manage Windows virtual machines with PowerShell Direct;
# Microsoft.PowerShell.Core, Invoke-Command.
function Invoke-LifeboatGuest {
    param([string]$VM, [string]$User, [string]$Password, [string]$Text)
    $secure = New-Object System.Security.SecureString
    foreach ($character in $Password.ToCharArray()) {
        $secure.AppendChar($character)
    }
    $credential = New-Object System.Management.Automation.PSCredential($User, $secure)
    $script = [scriptblock]::Create($Text)
    $values = @(Invoke-Command -VMId $VM -Credential $credential -ScriptBlock $script -ErrorAction Stop)
    $output = ''
    if ($values.Count -gt 0) {
        $output = "$($values[$values.Count - 1])"
    }
    [ordered]@{ output = $output }
}
