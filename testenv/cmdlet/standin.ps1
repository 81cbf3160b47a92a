# The fixed part of the stand-in module: how a call travels to the simulated
# host and its answer becomes objects or an error record. Strings travel with
# "=" in front, so that no reader of JSON takes one for a date.

class VirtualizationException : System.Exception {
    VirtualizationException([string]$message) : base($message) {}
}

$script:client = [System.Net.Http.HttpClient]::new()
$script:client.Timeout = [System.Threading.Timeout]::InfiniteTimeSpan
$script:common = @('ErrorAction', 'WarningAction', 'InformationAction', 'ProgressAction', 'Verbose', 'Debug', 'ErrorVariable',
    'WarningVariable', 'InformationVariable', 'OutVariable', 'OutBuffer', 'PipelineVariable', 'WhatIf', 'Confirm')

function Get-LabText([string]$Value) {
    '"' + [System.Text.Json.JsonEncodedText]::Encode($Value, $null).ToString() + '"'
}

function Get-LabJson($Value) {
    if ($null -eq $Value) { return 'null' }
    if ($Value -is [System.Collections.IDictionary]) {
        $parts = foreach ($name in $Value.Keys) { (Get-LabText $name) + ':' + (Get-LabJson $Value[$name]) }
        return '{"type":"=Hashtable","v":{' + (@($parts) -join ',') + '}}'
    }
    if ($Value -is [psobject] -and $Value.psobject.BaseObject -is [System.Management.Automation.PSCustomObject]) {
        $parts = foreach ($property in $Value.psobject.Properties) { (Get-LabText $property.Name) + ':' + (Get-LabText "=$($property.Value)") }
        return '{"type":' + (Get-LabText "=$($Value.psobject.TypeNames[0])") + ',"v":{' + (@($parts) -join ',') + '}}'
    }
    if ($Value -is [System.Management.Automation.PSObject]) { $Value = $Value.psobject.BaseObject }
    if ($Value -is [switch]) { $Value = $Value.IsPresent }
    if ($Value -is [bool]) { return $Value.ToString().ToLowerInvariant() }
    if ($Value -is [byte] -or $Value -is [int] -or $Value -is [long] -or $Value -is [uint32] -or $Value -is [uint64]) { return "$Value" }
    if ($Value -is [datetime]) { return Get-LabText "=$($Value.ToUniversalTime().ToString('o'))" }
    if ($Value -is [array]) {
        return '[' + (@(foreach ($one in $Value) { Get-LabJson $one }) -join ',') + ']'
    }
    $type = $Value.GetType().Name
    if ($script:classes.ContainsKey($type)) {
        $parts = foreach ($name in @('Id', 'VMId', 'Name', 'VMName', 'Path', 'AllowedPrimaryServer', 'ReplicationRelationshipType')) {
            if ($null -ne $Value.psobject.Properties[$name]) {
                (Get-LabText $name) + ':' + (Get-LabText "=$($Value.$name)")
            }
        }
        return '{"type":' + (Get-LabText "=$type") + ',"v":{' + (@($parts) -join ',') + '}}'
    }
    Get-LabText "=$Value"
}

function Get-LabValue($Wire) {
    if ($null -eq $Wire) { return $null }
    if ($Wire -is [string]) { return $Wire.Substring(1) }
    if ($Wire -isnot [System.Management.Automation.PSCustomObject]) { return $Wire }
    switch ($Wire.t) {
        'guid' { return [guid]$Wire.v.Substring(1) }
        'enum' { return $script:enums[$Wire.type]::Parse($script:enums[$Wire.type], $Wire.v.Substring(1)) }
        'time' { return [datetime]::new([long]$Wire.v.Substring(1), [System.DateTimeKind]::Utc).ToLocalTime() }
        'span' { return [timespan]::new([long]$Wire.v.Substring(1)) }
        'list' { return , [object[]]@(foreach ($one in $Wire.v) { Get-LabValue $one }) }
        'object' { return Get-LabObject $Wire }
    }
}

function Get-LabObject($Wire) {
    $full = $Wire.types[0].Substring(1)
    $short = $full.Substring($full.LastIndexOf('.') + 1)
    $class = $script:classes[$short]
    if ($class) { $object = $class::new() } else { $object = [pscustomobject]@{} }
    foreach ($property in $Wire.v) {
        $name = $property.n.Substring(1)
        $value = Get-LabValue $property.v
        if ($class -and $null -ne $class.GetProperty($name)) {
            $object.$name = $value
        } else {
            $object.psobject.Properties.Add([System.Management.Automation.PSNoteProperty]::new($name, $value))
        }
    }
    $object.psobject.TypeNames.Insert(0, $full)
    $object
}

function Invoke-LabCmdlet($Caller, $Bound) {
    $fields = foreach ($name in $Bound.Keys) {
        if ($script:common -notcontains $name) { (Get-LabText $name) + ':' + (Get-LabJson $Bound[$name]) }
    }
    $cmdlet = $Caller.MyInvocation.MyCommand.Name
    $body = '{"cmdlet":' + (Get-LabText $cmdlet) + ',"set":' + (Get-LabText $Caller.ParameterSetName) +
        ',"by":' + (Get-LabText "=$($global:LifeboatRequest)") + ',"bound":{' + (@($fields) -join ',') + '}}'
    $content = [System.Net.Http.StringContent]::new($body, [System.Text.Encoding]::UTF8, 'application/json')
    $response = $script:client.PostAsync($env:LIFEBOAT_LAB_ENDPOINT, $content).GetAwaiter().GetResult()
    $answer = $response.Content.ReadAsStringAsync().GetAwaiter().GetResult()
    if (-not $response.IsSuccessStatusCode) { throw $answer }
    $answer = $answer | ConvertFrom-Json
    foreach ($wire in $answer.values) { Get-LabValue $wire }
    if ($answer.error) {
        $record = [System.Management.Automation.ErrorRecord]::new(
            [VirtualizationException]::new($answer.error.message), $answer.error.id,
            [System.Management.Automation.ErrorCategory]$answer.error.category, $null)
        if ("$($Bound['ErrorAction'])" -eq 'Stop') { throw $record }
        $Caller.WriteError($record)
    }
}
