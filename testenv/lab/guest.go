package lab

import (
	"context"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// GuestUser is the account that every simulated guest knows; its password is
// the lab's.
const GuestUser = "lab-guest"

// inGuest runs a script inside a simulated guest: Get-Service tells of the
// environment's services there.
func (l *Lab) inGuest(ctx context.Context, h *hypervisor.Host, vm, user, password, script string) (any, *powershell.ErrorRecord) {
	services, err := h.GuestServices(vm)
	if err != nil {
		return nil, &powershell.ErrorRecord{ID: "PSSessionStateBroken", Category: "OpenError", Message: err.Error(), Type: "System.Management.Automation.Remoting.PSRemotingTransportException", HResult: "0x80131501"}
	}
	if user != GuestUser || password != l.passwd {
		return nil, &powershell.ErrorRecord{ID: "PSDirectException", Category: "OpenError", Message: "The credential is invalid.", Type: "System.Management.Automation.Remoting.PSDirectException", HResult: "0x80131501"}
	}
	inside := powershell.NewSession(powershell.Options{Commands: guestCommands(services), ComputerName: "guest"})
	if err := inside.Load("function Invoke-LabGuestScript { param()\n" + script + "\n}"); err != nil {
		return nil, &powershell.ErrorRecord{ID: "ParseException", Category: "ParserError", Message: err.Error(), Type: "System.Management.Automation.ParseException", HResult: "0x80131501"}
	}
	return inside.Call(ctx, "Invoke-LabGuestScript", nil)
}

// guestCommands is Get-Service over a guest's services, and nothing else.
type guestCommands map[string]string

func (guestCommands) Lookup(name string) (*powershell.CommandInfo, bool) {
	if name != "Get-Service" && name != "get-service" {
		return nil, false
	}
	return &powershell.CommandInfo{Name: "Get-Service", DefaultSet: "Default", ErrorClass: "Microsoft.PowerShell.Commands.GetServiceCommand", Parameters: []powershell.Parameter{{
		Name: "Name", Type: "string[]", Aliases: []string{"ServiceName"}, Sets: map[string]powershell.SetInfo{"Default": {Position: 0}},
	}}}, true
}

func (g guestCommands) Invoke(_ context.Context, _ *powershell.Session, call powershell.Invocation, emit func(any) error) *powershell.ErrorRecord {
	names, _ := call.Bound["Name"].([]any)
	for _, n := range names {
		name, _ := n.(string)
		status, ok := g[name]
		if !ok {
			return &powershell.ErrorRecord{
				ID: "NoServiceFoundForGivenName,Microsoft.PowerShell.Commands.GetServiceCommand", Category: "ObjectNotFound",
				Message: "Cannot find any service with service name '" + name + "'.", Type: "Microsoft.PowerShell.Commands.ServiceCommandException", HResult: "0x80131501",
			}
		}
		value := map[string]int64{"Stopped": 1, "Running": 4, "Paused": 7}[status]
		if emit(powershell.NewObject("System.ServiceProcess.ServiceController").Set("Name", name).
			Set("Status", powershell.Enum{Type: "System.ServiceProcess.ServiceControllerStatus", Name: status, Value: value})) != nil {
			return nil
		}
	}
	return nil
}
