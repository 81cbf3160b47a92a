package powershell

import (
	"context"
	"io"
	"time"
)

// Options says what a session stands on.
type Options struct {
	// Commands are the cmdlets beyond the core; nil means none.
	Commands Commands
	// ComputerName is the simulated host's name, as $env:COMPUTERNAME.
	ComputerName string
	// Now is the host's clock; nil means this machine's.
	Now func() time.Time
	// InvokeGuest runs script text inside a guest (PowerShell Direct); nil means
	// that no guest can be reached. vmID is what -VMId was given.
	InvokeGuest func(ctx context.Context, vmID, user, password, script string) (any, *ErrorRecord)
	// Native runs a program that is no PowerShell command, such as hostname.exe;
	// ok is false where there is none of that name. nil means no programs.
	Native func(ctx context.Context, name string, args []string, stdout, stderr io.Writer) (code int, ok bool)
}

// Commands is the seam to cmdlets that are not part of the core.
type Commands interface {
	// Lookup finds a cmdlet by its name, whatever its case.
	Lookup(name string) (*CommandInfo, bool)
	// Invoke runs one bound call and emits its output one object at a time. An
	// error of emit must be obeyed by returning at once (nil will do). The
	// record answered is a non-terminating error; -ErrorAction makes it more.
	Invoke(ctx context.Context, s *Session, call Invocation, emit func(any) error) *ErrorRecord
}

// Invocation is one call after binding: Bound holds canonical parameter names;
// switches are bool, enums their canonical name as a string. Common parameters
// (ErrorAction, Confirm, …) are handled by the session and not among them.
type Invocation struct {
	Name, Set string
	Bound     map[string]any
}

// CommandInfo is what the binder knows about a command.
// Microsoft: about_Functions_CmdletBindingAttribute.
type CommandInfo struct {
	Name          string
	DefaultSet    string
	ConfirmImpact string // None, Low, Medium (also when empty) or High
	ShouldProcess bool
	Parameters    []Parameter
	// ErrorClass ends the ids of the binder's errors, such as
	// Microsoft.HyperV.PowerShell.Commands.StartVM; empty means Name.
	ErrorClass string
}

// Parameter is one parameter. Type is a .NET name without namespace, with [] for
// arrays. A Type that is not a basic one and has no Enum is an object type: only
// an object that carries it binds. Sets may be nil for "every set, by name".
// Microsoft: about_Functions_Advanced_Parameters.
type Parameter struct {
	Name, Type string
	Switch     bool
	Aliases    []string
	Sets       map[string]SetInfo // "*" means every set
	Enum       []string
}

// SetInfo is what a parameter is within one set.
type SetInfo struct {
	Mandatory bool
	Position  int    // -1: by name only
	Pipeline  string // "", "value", "property" or "value,property"
}

// ErrorRecord is an error as PowerShell reports it. HResult is hexadecimal with
// 0x. Microsoft: ErrorRecord class (System.Management.Automation).
type ErrorRecord struct {
	ID, Category, Message, Type, HResult string
}

// Error makes the record a Go error.
func (e *ErrorRecord) Error() string { return e.ID + ": " + e.Message }
