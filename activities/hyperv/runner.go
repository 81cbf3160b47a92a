// Package hyperv turns Hyper-V verbs into PowerShell calls and their JSON
// answers into Go values. The scripts are the files of scripts/: functions for
// Windows PowerShell 5.1 without logic beyond parameters, cmdlets, projection
// and try/catch. Values travel as JSON data, never inside script text. VMs are
// named by their GUID.
//
// It knows no Temporal and no WinRM: whoever carries calls implements Runner.
package hyperv

import (
	"context"
	"encoding/json"
	"time"
)

// Lane is which kind of PowerShell a call may use on its host.
type Lane int

// The lanes.
const (
	// Watch is for reads: it may be killed at any time.
	Watch Lane = iota
	// ActLane is for changes: a pool, serial per VM.
	ActLane
)

// Call is one function of the script library, to be run on one host.
type Call struct {
	// Function is a name of the library ("Get-LifeboatCopy").
	Function string
	// Args becomes one JSON object, whose members are splatted.
	Args any
	Lane Lane
	// Guard is set for every change of a VM: compare and act. A change of the
	// host itself has none.
	Guard *Guard
	// Timeout bounds the whole call, sending and waiting included.
	Timeout time.Duration
}

// Guard is what the host checks under the VM's mutex before it acts.
type Guard struct {
	VM string `json:"vm"`
	// Expect is compared with what Get-LifeboatGuard says; keys power, mode,
	// state. Another value means "moved": nothing is done.
	Expect map[string]string `json:"expect"`
	// Within is how long after the request reached the host it may still act,
	// in seconds; later the host answers "expired". The session turns it into
	// a deadline in the host's own time.
	Within float64 `json:"-"`
}

// Outcome is what became of a call that was answered.
type Outcome string

// The outcomes.
const (
	OutcomeDone    Outcome = "done"
	OutcomeMoved   Outcome = "moved"   // the VM was not as expected: nothing was done
	OutcomeExpired Outcome = "expired" // the deadline had passed: nothing was done
)

// Answer is what the host said.
type Answer struct {
	// Request is the id under which the host did it: the ledger and the
	// journal know it.
	Request string
	Outcome Outcome
	// Result is the function's output as JSON (done), or what the VM is now
	// (moved).
	Result json.RawMessage
	// HostTime is the host's UTC clock when it answered.
	HostTime time.Time
	// Started is when the host began to act, Took how long it took, there.
	Took time.Duration
}

// Runner carries calls to one host. An error of Run is one of:
//
//   - *NotSentError: the host cannot have seen it; trying again is safe.
//   - *NoAnswerError: it was sent and no answer came; it may have acted, may
//     still act until its deadline. Look at the host, never repeat blindly.
//   - *ScriptError: the host answered that the function failed.
//   - ctx.Err() wrapped in one of the first two.
//
// Run is safe for concurrent use. Calls with a Guard for one VM are serial on
// the host.
type Runner interface {
	Run(ctx context.Context, call Call) (Answer, error)
	// Host is the host's name, for messages.
	Host() string
}
