# On the primary: starts the first copy of the disks, over the network, by
# comparing with the copy that the replica has (UseBackup), or into a folder; with
# At, a time with its zone, the host begins by itself then, at most 7 days ahead.
# It returns when the copying has begun, or when the moment is noted.
# Microsoft: Hyper-V module, Start-VMInitialReplication.
function Start-LifeboatInitial {
    param([string]$VM, [bool]$UseBackup, [string]$Path, [string]$At)
    $machine = Get-VM -Id $VM -ErrorAction Stop
    $parameters = @{ VM = $machine; Confirm = $false; ErrorAction = 'Stop' }
    if ($UseBackup) {
        $parameters['UseBackup'] = $true
    }
    if ($Path) {
        $parameters['DestinationPath'] = $Path
    }
    if ($At) {
        $parameters['InitialReplicationStartTime'] = [datetime]$At
    }
    Start-VMInitialReplication @parameters | Out-Null
    Get-LifeboatGuard -VM $VM
}
