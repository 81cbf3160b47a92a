package hyperv

import (
	"errors"
	"fmt"
	"strings"
)

// What a host's refusal means, told from the FullyQualifiedErrorId and the
// category alone: the message is in the host's language.
//
// Microsoft: about_Try_Catch_Finally, ErrorCategory Enum; the Hyper-V module
// writes ids as <kind>,Microsoft.HyperV.PowerShell.Commands.<cmdlet>.
var (
	ErrNotFound      = errors.New("not on this host")
	ErrBusy          = errors.New("busy with another operation")
	ErrWrongState    = errors.New("not in a state that allows this")
	ErrDenied        = errors.New("access denied")
	ErrNotApplicable = errors.New("does not apply to this VM")
	ErrOutOfMemory   = errors.New("not enough memory")
	ErrInvalid       = errors.New("a value was refused")
	ErrMissing       = errors.New("a command is missing on the host")
	ErrTimeout       = errors.New("the host gave up waiting")
	ErrFailed        = errors.New("the operation failed")
	// ErrAnswer says that the answer was not what was agreed. What the host
	// did is unknown: look at it.
	ErrAnswer = errors.New("the answer cannot be read")
)

// Error is a refusal or a failure that a host answered with.
type Error struct {
	Op   string // the verb, "start-failover"
	Host string
	VM   string // id, "" for the host itself
	// Code is the first part of the FullyQualifiedErrorId.
	Code string
	// Kind is one of the sentinels above.
	Kind error
	// Err is the ScriptError, or what was wrong with the answer.
	Err error
	// Hint says what to do next.
	Hint string
	// Acted is true when the host had begun: it may have changed something.
	Acted bool
}

func (e *Error) Error() string {
	about := e.Host
	if e.VM != "" {
		about += ": VM " + e.VM
	}
	text := fmt.Sprintf("%s: %s: %v: %v", about, e.Op, e.Kind, e.Err)
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// Unwrap makes errors.Is see the sentinel and errors.As the ScriptError.
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Err} }

var kinds = map[string]error{
	"ObjectNotFound":           ErrNotFound,
	"InvalidState":             ErrWrongState,
	"InvalidOperation":         ErrNotApplicable,
	"NotApplicable":            ErrNotApplicable,
	"AccessDenied":             ErrDenied,
	"UnauthorizedAccess":       ErrDenied,
	"OutOfMemory":              ErrOutOfMemory,
	"InvalidParameter":         ErrInvalid,
	"InvalidArgument":          ErrInvalid,
	"ObjectInUse":              ErrBusy,
	"Busy":                     ErrBusy,
	"OperationTimeout":         ErrTimeout,
	"TimedOut":                 ErrTimeout,
	"CommandNotFoundException": ErrMissing,
	"LifeboatAdapterNotFound":  ErrNotFound,
	"LifeboatAdapterAmbiguous": ErrInvalid,
}

var categories = map[string]error{
	"ObjectNotFound":      ErrNotFound,
	"PermissionDenied":    ErrDenied,
	"SecurityError":       ErrDenied,
	"AuthenticationError": ErrDenied,
	"ResourceBusy":        ErrBusy,
	"OperationTimeout":    ErrTimeout,
	"InvalidArgument":     ErrInvalid,
	"NotInstalled":        ErrMissing,
}

var hints = map[error]string{
	ErrNotFound:      "look where the VM is: lifeboat check compares the plan with the hosts",
	ErrBusy:          "wait until the other operation on this VM has ended, then retry",
	ErrWrongState:    "look at the VM again: its state has changed or does not allow this step",
	ErrDenied:        "give the account the rights of a Hyper-V administrator on this host",
	ErrNotApplicable: "look at the VM's replication mode: this step belongs to the other side or to another mode",
	ErrOutOfMemory:   "free memory on the host, or leave VMs out of the plan there, then retry",
	ErrInvalid:       "compare the plan's networks, adapters and certificates with the host",
	ErrMissing:       "install the Hyper-V PowerShell module on this host",
	ErrTimeout:       "look at the VM: the operation may still be under way",
	ErrFailed:        "see the host's Hyper-V-VMMS Admin event log",
	ErrAnswer:        "look at the VM before anything is repeated",
}

// codeHints say more than the sentinel where the id does.
var codeHints = map[string]string{
	"LifeboatAdapterNotFound":  "the VM has no adapter of that name: correct adapter in the configuration",
	"LifeboatAdapterAmbiguous": "several adapters fit: name the adapter in the configuration, each name once",
}

// classify reads an error id and a category.
func classify(id, category string) (code string, kind error) {
	code, class, _ := strings.Cut(id, ",")
	// Get-VM calls an id that it does not find an invalid parameter.
	if code == "InvalidParameter" && strings.HasSuffix(class, ".GetVM") {
		return code, ErrNotFound
	}
	if kind, ok := kinds[code]; ok {
		return code, kind
	}
	if kind, ok := categories[category]; ok {
		return code, kind
	}
	return code, ErrFailed
}

// refusal turns what Run returned into an *Error when the host answered with
// an error; NotSentError and NoAnswerError pass as they are.
func refusal(op, host, vm string, err error) error {
	var script *ScriptError
	if !errors.As(err, &script) {
		return err
	}
	code, kind := classify(script.ID, script.Category)
	hint := codeHints[code]
	if hint == "" {
		hint = hints[kind]
	}
	return &Error{Op: op, Host: host, VM: vm, Code: code, Kind: kind, Err: err, Hint: hint, Acted: script.Acted}
}

// unreadable says that an answer was not what was agreed.
func unreadable(op, host, vm string, acted bool, err error) error {
	return &Error{Op: op, Host: host, VM: vm, Kind: ErrAnswer, Err: err, Hint: hints[ErrAnswer], Acted: acted}
}
