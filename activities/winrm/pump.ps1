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
[Threading.Thread]::CurrentThread.CurrentCulture = [Globalization.CultureInfo]::InvariantCulture
$LbOut = [Console]::OpenStandardOutput()
$LbTold = [ordered]@{}
$LbU8 = [Text.Encoding]::UTF8

function LbUtc { [DateTime]::UtcNow.ToString('o') }
function LbJson($o) { ConvertTo-Json -Depth 8 -Compress -InputObject $o }
# The line break in front ends whatever a cmdlet left unfinished on the line.
function LbSay($kind, $id, $o) {
    if ($o -isnot [string]) { $o = LbJson $o }
    $t = [Convert]::ToBase64String($LbU8.GetBytes($o))
    $t = $LbU8.GetBytes("`n~LB1 $kind $id $($t.Length) $t`n")
    $LbOut.Write($t, 0, $t.Length)
    $LbOut.Flush()
}
function LbEnd($outcome, $rest) {
    "{`"outcome`":`"$outcome`",`"utc`":`"$(LbUtc)`",`"ms`":$($LbWatch.ElapsedMilliseconds)$rest}"
}
function LbAct($id, $r) {
    $held = $acted = $false
    $left = [TimeSpan]::FromSeconds(30)
    try {
        if ($r.function -cnotmatch '^[A-Z][A-Za-z]+-Lifeboat[A-Za-z]+$') { throw "not a function of the library: $($r.function)" }
        $call = Get-Command -CommandType Function -Name $r.function
        $named = @{}
        if ($r.args) { foreach ($p in $r.args.PSObject.Properties) { $named[$p.Name] = $p.Value } }
        if ($r.notAfter) {
            $left = ([DateTime]$r.notAfter).ToUniversalTime() - [DateTime]::UtcNow
            if ($left.Ticks -lt 0) { return LbEnd expired }
        }
        if ($g = $r.guard) {
            $mutex = New-Object Threading.Mutex $false, "Global\Lifeboat-$("$($g.vm)".ToLowerInvariant())"
            # Whoever held it died: it is ours, and the guard looks anew.
            try { $held = $mutex.WaitOne($left) } catch [Threading.AbandonedMutexException] { $held = $true }
            if (-not $held) { return LbEnd expired }
            $now = Get-LifeboatGuard -VM $g.vm
            foreach ($p in $g.expect.PSObject.Properties) {
                if ("$($now.($p.Name))" -cne "$($p.Value)") { return LbEnd moved ",`"now`":$(LbJson $now)" }
            }
        }
        LbSay START $id @{utc = LbUtc}
        $acted = $true
        $j = LbJson (& $call @named)
        if (-not $j) { $j = 'null' }
        LbEnd done ",`"result`":$j"
    } catch {
        $x = $_.Exception
        LbEnd failed (',"acted":{0},"error":{1}' -f "$acted".ToLower(), (LbJson ([ordered]@{id = $_.FullyQualifiedErrorId; category = "$($_.CategoryInfo.Category)"; message = $x.Message; type = $x.GetType().FullName; hresult = '0x{0:x8}' -f $x.HResult})))
    } finally {
        if ($held) { $mutex.ReleaseMutex() }
        if ($mutex) { $mutex.Dispose() }
    }
}
LbSay HELLO 0 ([ordered]@{pump = 1; ps = "$($PSVersionTable.PSVersion)"; host = [Environment]::MachineName; pid = $PID; utc = LbUtc; language = 'FullLanguage'})
foreach ($line in $input) {
    $LbWatch = [Diagnostics.Stopwatch]::StartNew()
    $kind, $id, $text = "$line".Trim([char]0xFEFF).Split(' ')
    try {
        if ($id -cnotmatch '^[A-Za-z0-9-]{1,64}$') { $id = '0'; throw 'bad id' }
        if ($kind -cin 'LOAD', 'RUN', 'GET') { $text = $LbU8.GetString([Convert]::FromBase64String("$text")) }
        switch -CaseSensitive ($kind) {
            LOAD { . ([scriptblock]::Create($text)); LbSay OK $id @{utc = LbUtc} }
            RUN {
                if (-not $LbTold.Contains($id)) {
                    $r = ConvertFrom-Json $text
                    if (-not $r.function) { throw 'no function' }
                    $LbTold[$id] = LbAct $id $r
                    if ($LbTold.Count -gt 50) { $LbTold.RemoveAt(0) }
                }
                LbSay END $id $LbTold[$id]
            }
            GET {
                $of = (ConvertFrom-Json $text).id
                if (-not $of -or -not $LbTold.Contains($of)) { throw 'unknown' }
                LbSay END $id $LbTold[$of]
            }
            PING { LbSay OK $id @{utc = LbUtc} }
            EXIT { [Environment]::Exit(0) }
            default { throw 'unknown kind' }
        }
    } catch { LbSay ERR $id @{error = $_.Exception.Message} }
}
