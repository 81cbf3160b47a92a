# lifeboat-pump 1
# One session of Windows PowerShell 5.1: frames in, frames out. docs/pump.md is
# the page both ends are built from. Comments and indentation are taken away
# before it is sent: cmd.exe's line ends at 8,191 characters.

# Under a host's policy no .NET call works, so this answer is written out.
if ("$($ExecutionContext.SessionState.LanguageMode)" -ne 'FullLanguage') {
    '~LB1 HELLO 0 104 eyJwdW1wIjoxLCJwcyI6IiIsImhvc3QiOiIiLCJwaWQiOjAsInV0YyI6IiIsImxhbmd1YWdlIjoiQ29uc3RyYWluZWRMYW5ndWFnZSJ9'
    exit 3
}
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
[Threading.Thread]::CurrentThread.CurrentCulture = ''
$LbO = [Console]::OpenStandardOutput()
$LbT = [ordered]@{}
$LbU8 = [Text.Encoding]::UTF8

function LbUtc { [DateTime]::UtcNow.ToString('o') }
function LbJson($o) { ConvertTo-Json -Depth 8 -Compress -InputObject $o }
# The line break in front ends whatever a cmdlet left unfinished on the line.
function LbSay($k, $id, $o) {
    if ($o -isnot [string]) { $o = LbJson $o }
    $t = [Convert]::ToBase64String($LbU8.GetBytes($o))
    $t = $LbU8.GetBytes("`n~LB1 $k $id $($t.Length) $t`n")
    $LbO.Write($t, 0, $t.Length)
    $LbO.Flush()
}
function LbEnd($o, $e) {
    "{`"outcome`":`"$o`",`"utc`":`"$(LbUtc)`",`"ms`":$($LbW.ElapsedMilliseconds)$e}"
}
function LbAct($id, $r) {
    $h = $a = $false
    $l = [TimeSpan]'0:0:30'
    try {
        if ($r.function -cnotmatch '^[A-Z][A-Za-z]+-Lifeboat[A-Za-z]+$') { throw 'no such function' }
        $f = Get-Command -CommandType Function -Name $r.function
        $n = @{}
        if ($r.args) { foreach ($p in $r.args.PSObject.Properties) { $n[$p.Name] = $p.Value } }
        if ($r.notAfter) {
            $l = ([DateTime]$r.notAfter).ToUniversalTime() - [DateTime]::UtcNow
            if ($l.Ticks -lt 0) { return LbEnd expired }
        }
        if ($g = $r.guard) {
            $mx = New-Object Threading.Mutex $false, "Global\Lifeboat-$("$($g.vm)".ToLowerInvariant())"
            # Whoever held it died: it is ours, and the guard looks anew.
            try { $h = $mx.WaitOne($l) } catch [Threading.AbandonedMutexException] { $h = $true }
            if (-not $h) { return LbEnd expired }
            $w = Get-LifeboatGuard -VM $g.vm
            foreach ($p in $g.expect.PSObject.Properties) {
                if ("$($w.($p.Name))" -cne "$($p.Value)") { return LbEnd moved ",`"now`":$(LbJson $w)" }
            }
        }
        LbSay START $id @{utc = LbUtc}
        $a = $true
        $j = LbJson (& $f @n)
        if (-not $j) { $j = 'null' }
        LbEnd done ",`"result`":$j"
    } catch {
        $x = $_.Exception
        LbEnd failed (',"acted":{0},"error":{1}' -f "$a".ToLower(), (LbJson ([ordered]@{id = $_.FullyQualifiedErrorId; category = "$($_.CategoryInfo.Category)"; message = $x.Message; type = $x.GetType().FullName; hresult = '0x{0:x8}' -f $x.HResult})))
    } finally {
        if ($h) { $mx.ReleaseMutex() }
        if ($mx) { $mx.Dispose() }
    }
}
LbSay HELLO 0 ([ordered]@{pump = 1; ps = "$($PSVersionTable.PSVersion)"; host = [Environment]::MachineName; pid = $PID; utc = LbUtc; language = 'FullLanguage'})
foreach ($line in $input) {
    $LbW = [Diagnostics.Stopwatch]::StartNew()
    $k, $id, $t = "$line".Trim([char]0xFEFF).Split(' ')
    try {
        if ($id -cnotmatch '^[A-Za-z0-9-]{1,64}$') { $id = '0'; throw 'bad id' }
        if ($k -cin 'LOAD', 'RUN', 'GET') { $t = $LbU8.GetString([Convert]::FromBase64String("$t")) }
        switch -CaseSensitive ($k) {
            LOAD { . ([scriptblock]::Create($t)); LbSay OK $id @{utc = LbUtc} }
            RUN {
                if (-not $LbT.Contains($id)) {
                    $LbT[$id] = LbAct $id (ConvertFrom-Json $t)
                    if ($LbT.Count -gt 50) { $LbT.RemoveAt(0) }
                }
                LbSay END $id $LbT[$id]
            }
            GET {
                $of = (ConvertFrom-Json $t).id
                if (-not $of -or -not $LbT.Contains($of)) { throw 'unknown' }
                LbSay END $id $LbT[$of]
            }
            PING { LbSay OK $id @{utc = LbUtc} }
            EXIT { [Environment]::Exit(0) }
            default { throw 'unknown kind' }
        }
    } catch { LbSay ERR $id @{error = $_.Exception.Message} }
}
