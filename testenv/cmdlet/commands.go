// Package cmdlet is the Hyper-V module of a simulated host: cmdlets with the
// parameters, types and errors of Microsoft's module, over the hypervisor's
// verbs. What a cmdlet does not simulate it refuses, by name.
//
// It also makes a stand-in module for a real PowerShell engine, so that a
// second engine can be asked whether the interpreter is right.
package cmdlet

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// Commands are the cmdlets of one host, as one process on it sees them.
type Commands struct {
	farm   *hypervisor.Farm
	host   *hypervisor.Host
	caller func() hypervisor.Caller
	doc    *contract
	// switches do not change while a host lives.
	switches []hypervisor.Switch
}

// New makes the cmdlets of a host. caller says, at each call, who stands behind
// it.
func New(farm *hypervisor.Farm, host *hypervisor.Host, caller func() hypervisor.Caller) *Commands {
	return &Commands{farm: farm, host: host, caller: caller, doc: readContract(), switches: host.Info().Switches}
}

// servedCmdlet is how a cmdlet is served: params are those that have an effect here;
// any other that is given is refused.
type servedCmdlet struct {
	run     func(*call) error
	changes bool
	params  []string
}

// Lookup finds a cmdlet by its name, whatever its case. Those for clusters are not
// on every host.
func (c *Commands) Lookup(name string) (*powershell.CommandInfo, bool) {
	info, ok := c.doc.infos[strings.ToLower(name)]
	if !ok || ofCluster(info.Name) && !c.host.HasClusterModule() {
		return nil, false
	}
	return info, true
}

// Invoke runs one bound call. Where several VMs are named each is tried in
// turn; the record answered is that of the first that failed.
func (c *Commands) Invoke(ctx context.Context, _ *powershell.Session, in powershell.Invocation, emit func(any) error) *powershell.ErrorRecord {
	info, ok := c.Lookup(in.Name)
	if !ok {
		return &powershell.ErrorRecord{ID: "CommandNotFoundException", Category: "ObjectNotFound", Message: in.Name, Type: "System.Management.Automation.CommandNotFoundException"}
	}
	k := &call{Commands: c, ctx: ctx, name: info.Name, set: in.Set, bound: in.Bound, how: served[info.Name], by: c.caller(), emit: emit}
	if err := k.refused(); err != nil {
		return k.record(err)
	}
	if err := k.how.run(k); err != nil && !errors.Is(err, errStopped) {
		return k.record(err)
	}
	return nil
}

// errStopped is for when the pipeline wants no more.
var errStopped = errors.New("the pipeline has stopped")

// call is one cmdlet call in progress.
type call struct {
	*Commands
	ctx   context.Context
	name  string
	set   string
	bound map[string]any
	how   servedCmdlet
	by    hypervisor.Caller
	emit  func(any) error
}

// refused turns down what this lab does not simulate, and what a real host
// would: a session of this kind cannot hand credentials on to another computer.
//
// Microsoft: "Making the second hop in PowerShell Remoting".
func (k *call) refused() error {
	for name, v := range k.bound {
		switch name {
		case "CimSession", "Credential":
			return k.farther()
		case "ComputerName":
			for _, computer := range texts(v) {
				if !k.isMe(computer) {
					return k.farther()
				}
			}
		case "Passthru", "AsJob":
			if name == "AsJob" && truth(v) {
				return notSimulated(k.name + " -AsJob")
			}
		default:
			if !contains(k.how.params, name) && v != false {
				return notSimulated(k.name + " -" + name)
			}
			if err := k.inRange(name, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// inRange refuses a number that the binder of a compiled cmdlet would.
//
// Microsoft: about_Functions_Advanced_Parameters, ValidateRange.
func (k *call) inRange(name string, v any) error {
	if isNothing(v) {
		return nil
	}
	for _, p := range k.doc.Cmdlets[k.name].Params {
		if p.Name != name {
			continue
		}
		for _, rule := range p.Validate {
			var low, high int
			if n, _ := fmt.Sscanf(rule, "ValidateRange(%d, %d)", &low, &high); n == 2 && (k.number(name) < low || k.number(name) > high) {
				return &powershell.ErrorRecord{
					ID: "ParameterArgumentValidationError," + k.doc.class(k.name), Category: "InvalidData", HResult: "0x80131501",
					Message: fmt.Sprintf("Cannot validate argument on parameter '%s'. The %s argument is not in the range %d to %d.", name, text(v), low, high),
					Type:    "System.Management.Automation.ParameterBindingValidationException",
				}
			}
		}
	}
	return nil
}

func (k *call) farther() error {
	return &hypervisor.Refusal{Kind: "AccessDenied", Category: "PermissionDenied", Message: "You do not have the required permission to complete this task: credentials of this session cannot be used on another computer."}
}

func (k *call) isMe(computer string) bool {
	info := k.host.Info()
	return computer == "." || strings.EqualFold(computer, "localhost") || strings.EqualFold(computer, info.Name) || strings.EqualFold(computer, info.FQDN)
}

func notSimulated(what string) error {
	return &hypervisor.Refusal{Kind: "NotSimulated", Category: "NotImplemented", Message: what + " is not simulated by this lab."}
}

// record makes the error record of a refusal. The id is the part of an error
// that does not depend on the host's language.
//
// Microsoft: ErrorRecord.FullyQualifiedErrorId.
func (k *call) record(err error) *powershell.ErrorRecord {
	var done *powershell.ErrorRecord
	if errors.As(err, &done) {
		return done
	}
	class := k.doc.class(k.name)
	var r *hypervisor.Refusal
	if !errors.As(err, &r) {
		r = &hypervisor.Refusal{Kind: "OperationFailed", Category: "NotSpecified", Message: err.Error()}
	}
	return &powershell.ErrorRecord{ID: r.Kind + "," + class, Category: r.Category, Message: r.Message, Type: space + "VirtualizationException", HResult: "0x80131500"}
}

// put gives an object to the pipeline.
func (k *call) put(v any) error {
	if err := k.emit(v); err != nil {
		return errStopped
	}
	return nil
}

// guarded runs do behind the farm's gate for faults and ledger; vm is "" for
// what concerns the host.
func (k *call) guarded(vm string, do func() error) error {
	leave, err := k.farm.Enter(k.ctx, k.host.Name(), k.name, vm, k.by, k.how.changes)
	if err != nil {
		return err
	}
	err = do()
	if err == nil || errors.Is(err, errStopped) {
		leave(nil)
	} else {
		leave(err)
	}
	return err
}

// each runs do for every VM, each behind the gate; one that fails does not keep
// the next from its turn. The first error is the answer.
func (k *call) each(vms []target, do func(hypervisor.VM) error) error {
	var first error
	for _, t := range vms {
		err := t.err
		if err == nil {
			err = k.guarded(t.vm.ID, func() error { return do(t.vm) })
		}
		if errors.Is(err, errStopped) || k.ctx.Err() != nil {
			return err
		}
		if err != nil && first == nil {
			first = err
		}
	}
	return first
}

func unknownVM(by, what string) error {
	return &hypervisor.Refusal{Kind: "InvalidParameter", Category: "InvalidArgument", Message: fmt.Sprintf("Hyper-V was unable to find a virtual machine with %s %s.", by, what)}
}
