# PowerShell Direct for a real engine: what is run inside a guest travels to the
# lab, which answers for the guest. Only what host scripts use is here.
function Invoke-Command {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory)][guid]$VMId,
        [Parameter(Mandatory)][pscredential]$Credential,
        [Parameter(Mandatory)][scriptblock]$ScriptBlock
    )
    $password = $Credential.GetNetworkCredential().Password
    $text = @($VMId.ToString(), $Credential.UserName, $password, $ScriptBlock.ToString()) |
        ForEach-Object { [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($_)) }
    $client = [System.Net.Http.HttpClient]::new()
    try {
        $content = [System.Net.Http.StringContent]::new($text -join ' ')
        $response = $client.PostAsync($env:LIFEBOAT_LAB_GUESTS, $content).GetAwaiter().GetResult()
        $answer = $response.Content.ReadAsStringAsync().GetAwaiter().GetResult()
    } finally {
        $client.Dispose()
    }
    if (-not $response.IsSuccessStatusCode) {
        $id, $category, $message = $answer -split "`n", 3
        $exception = [System.Management.Automation.RuntimeException]::new($message)
        $PSCmdlet.ThrowTerminatingError([System.Management.Automation.ErrorRecord]::new($exception, $id, $category, $null))
    }
    foreach ($value in (ConvertFrom-Json $answer).values) { $value }
}
Export-ModuleMember -Function Invoke-Command
