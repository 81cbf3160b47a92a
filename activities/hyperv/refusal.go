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
	ErrFailedOver    = errors.New("failed over already")
	ErrTestExists    = errors.New("has a test copy already")
	ErrExtended      = errors.New("still extends to a third host")
	ErrUnreachable   = errors.New("another host was not reached")
	ErrFailed        = errors.New("the operation failed")
	ErrNotMarked     = errors.New("is no VM of a self-test")
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
	"LifeboatPointNotFound":    ErrNotFound,
	"LifeboatPointNotRecovery": ErrInvalid,
	"LifeboatFailedOver":       ErrFailedOver,
	"LifeboatTestExists":       ErrTestExists,
	"LifeboatTestNotFound":     ErrNotFound,
	"LifeboatExtendedExists":   ErrExtended,
	"LifeboatRelationNotFound": ErrNotFound,
	"LifeboatRelationMoved":    ErrWrongState,
	"LifeboatDiskNotFound":     ErrNotFound,
	"LifeboatFilesInUse":       ErrBusy,
	"LifeboatPlaceTaken":       ErrBusy,
	"LifeboatNotInQuarantine":  ErrInvalid,
	"LifeboatJunction":         ErrInvalid,
	"LifeboatNotATestVM":       ErrNotApplicable,
	"LifeboatGroupChanged":     ErrWrongState,
	"LifeboatVMNotFound":       ErrNotFound,
	"LifeboatWMIRefused":       ErrWrongState,
	"LifeboatNameTaken":        ErrInvalid,
	"LifeboatNotMarked":        ErrNotMarked,
	"LifeboatNotAtRest":        ErrWrongState,
	"LifeboatForeignDisk":      ErrNotMarked,
}

var categories = map[string]error{
	"ObjectNotFound":      ErrNotFound,
	"PermissionDenied":    ErrDenied,
	"SecurityError":       ErrDenied,
	"AuthenticationError": ErrDenied,
	"ResourceBusy":        ErrBusy,
	"OperationTimeout":    ErrTimeout,
	"InvalidArgument":     ErrInvalid,
	"ConnectionError":     ErrUnreachable,
	"ResourceUnavailable": ErrUnreachable,
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
	ErrFailedOver:    "stop the failover before another point is chosen: what was written since is lost then",
	ErrTestExists:    "clean up the test copy that is there, then test again",
	ErrExtended:      "end the extended replication first, or continue with it instead",
	ErrUnreachable:   "lifeboat check tests name, port, certificate and authorization between the two hosts",
	ErrFailed:        "see the host's Hyper-V-VMMS Admin event log",
	ErrNotMarked:     "it is left alone: only a VM with the self-test's mark in its notes is removed",
	ErrAnswer:        "look at the VM before anything is repeated",
}

// codeHints say more than the sentinel where the id does.
var codeHints = map[string]string{
	"LifeboatAdapterNotFound":  "the VM has no adapter of that name: correct adapter in the configuration",
	"LifeboatAdapterAmbiguous": "several adapters fit: name the adapter in the configuration, each name once",
	"LifeboatPointNotFound":    "the recovery point is gone or belongs to another VM: choose one that the replica has now",
	"LifeboatPointNotRecovery": "that checkpoint is no recovery point: choose one of type Replica, AppConsistentReplica or SyncedReplica",
	"LifeboatTestNotFound":     "there is no test copy to clean up: nothing was changed",
	"LifeboatRelationNotFound": "the VM has no such replication on this host: nothing was changed",
	"LifeboatRelationMoved":    "that replication has changed since it was looked at: nothing was changed",
	"LifeboatDiskNotFound":     "a disk is gone or has moved since it was looked at: nothing was changed",
	"LifeboatGroupChanged":     "the group, its VM or its owner is not as it was when it was looked at: nothing was changed",
	"LifeboatNameTaken":        "a VM of that name is there: self-test again, it takes another name",
	"LifeboatForeignDisk":      "it has a disk that Lifeboat did not make: take that off the VM, then clean again",
	"LifeboatEntryDiffers":     "use the trust group of the entry that is there, or remove the entry first",
}

// opHints say more than the sentinel where the operation does. What the other
// host refuses (no authorization entry, a name that is not resolved, a closed
// port) comes back under one id and is told apart by its message alone, so the
// hint names them all.
//
// Microsoft: Hyper-V module, Test-VMReplicationConnection,
// New-VMReplicationAuthorizationEntry.
var opHints = map[string]map[error]string{
	"start-failover":      {ErrWrongState: "the replica must be off and have been replicated to once; resume it where it is in error"},
	"start-test":          {ErrWrongState: "wait until a resynchronization of the replica has ended, then test"},
	"complete-failover":   {ErrWrongState: "look at the VM: it is committed already, or was not failed over"},
	"resynchronize":       {ErrWrongState: "suspend replication first where it is Replicating"},
	"continue-extended":   {ErrWrongState: "fail over to this copy first, and see that it extends to a third host"},
	"set-as-replica":      {ErrWrongState: "shut the VM down first", ErrFailed: admit, ErrDenied: admit, ErrInvalid: admit},
	"enable-as-replica":   {ErrWrongState: "shut the VM down first", ErrFailed: admit, ErrDenied: admit, ErrInvalid: admit},
	"enable-replication":  {ErrFailed: reach, ErrDenied: reach, ErrNotApplicable: "it replicates already, or is part of a chain: look at its relations"},
	"start-initial":       {ErrFailed: reach, ErrDenied: reach},
	"prepare-failover":    {ErrFailed: reach, ErrDenied: reach},
	"reverse-replication": {ErrFailed: reach, ErrDenied: reach, ErrWrongState: "end an extended replication of this copy first, and see that the old primary is prepared or made a replica"},
	"set-replication":     {ErrFailed: reach, ErrDenied: reach, ErrNotApplicable: "settings belong to the side that sends: look at the VM's replication mode"},
	"resume-leg":          {ErrFailed: reach, ErrDenied: reach},
	"test-link":           {ErrFailed: reach, ErrDenied: reach},
}

const (
	admit = "see that this host takes replication and that an authorization entry lets the new primary in"
	reach = "see that the other host's name resolves, its port is open, its certificate is valid, and an authorization entry there lets this host in"
)

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
		hint = opHints[op][kind]
	}
	if hint == "" {
		hint = hints[kind]
	}
	return &Error{Op: op, Host: host, VM: vm, Code: code, Kind: kind, Err: err, Hint: hint, Acted: script.Acted}
}

// unreadable says that an answer was not what was agreed.
func unreadable(op, host, vm string, acted bool, err error) error {
	return &Error{Op: op, Host: host, VM: vm, Kind: ErrAnswer, Err: err, Hint: hints[ErrAnswer], Acted: acted}
}
