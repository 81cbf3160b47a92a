package winrm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
)

// reasonOf is the stable word of hyperv.NotSentError for a failed start.
func reasonOf(err error) string {
	var fault *Fault
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errDenied):
		return "denied"
	case errors.Is(err, errPolicy):
		return "policy"
	case errors.As(err, &verify), errors.As(err, &record), errors.As(err, &name), errors.As(err, &authority):
		return "certificate"
	case errors.As(err, &fault):
		switch {
		case fault.Code == faultAccessDenied, fault.Code == faultAccessHR:
			return "denied"
		case fault.Code == faultMaxShells, fault.Code == faultMaxCommands, fault.Code == faultMaxUsers,
			fault.Code >= faultPluginFirst && fault.Code <= faultPluginLast:
			return "quota"
		}
	case errors.Is(err, context.Canceled), errors.Is(err, errClosed):
		return "cancelled"
	}
	return "unreachable"
}

var hints = map[string]string{
	"denied":      "check the user, its password and that it is an administrator of the host; the service's own log is Microsoft-Windows-WinRM/Operational",
	"policy":      "an application control policy restricts PowerShell on this host; allow the pump by its hash",
	"certificate": "set winrm.ca to the authority of the host's certificate and winrm.server_name to a name in it; look at it with: winrm enumerate winrm/config/listener",
	"quota":       "close old shells of this user on the host, or raise MaxShellsPerUser (winrm get winrm/config/winrs)",
	"unreachable": "check the address, the port and the firewall, and that WinRM runs on the host (winrm quickconfig)",
	"busy":        "all sessions of the host were in use until the time was over; try again or raise act_lanes",
	"cancelled":   "",
}

func notSent(host string, err error) *hyperv.NotSentError {
	reason := reasonOf(err)
	return &hyperv.NotSentError{Host: host, Reason: reason, Err: err, Hint: hints[reason]}
}

// waited is a call whose time was over while it waited for its turn.
func waited(host string, err error) *hyperv.NotSentError {
	reason := "cancelled"
	if errors.Is(err, context.DeadlineExceeded) {
		reason = "busy"
	}
	return &hyperv.NotSentError{Host: host, Reason: reason, Err: err, Hint: hints[reason]}
}

// ProbeError says at which step a host stopped answering as it should.
type ProbeError struct {
	// Step is reach, certificate, authenticate, shell, pump, load or ping.
	Step string
	Err  error
	// Hint is what to do next.
	Hint string
}

func (e *ProbeError) Error() string { return fmt.Sprintf("%s: %v", e.Step, e.Err) }

// Unwrap gives the cause.
func (e *ProbeError) Unwrap() error { return e.Err }

// Probe goes the whole way of a call without calling anything: connection,
// certificate, login, shell, PowerShell, library, one PING. Its error is a
// *ProbeError. It does not wait for the pause after failed starts.
func (h *Host) Probe(ctx context.Context) error {
	ctx, cancel := h.join(ctx)
	defer cancel(nil)
	l, err := h.watch.take(ctx)
	if err != nil {
		return &ProbeError{Step: "reach", Err: err, Hint: hints["busy"]}
	}
	defer func() { h.give(h.watch, l) }()
	if err := h.ready(ctx, l, true); err != nil {
		return probeError(err)
	}
	f, err := l.session.ask(ctx, frame{kind: "PING", id: uuid.NewString()})
	if err == nil && f.kind != "OK" {
		err = errors.New("the pump did not answer PING with OK")
	}
	if err != nil {
		h.drop(l)
		return &ProbeError{Step: "ping", Err: err, Hint: hints["unreachable"]}
	}
	return nil
}

func probeError(err error) *ProbeError {
	p := &ProbeError{Step: "reach", Err: err, Hint: hints[reasonOf(err)]}
	var stage *stageError
	if errors.As(err, &stage) {
		p.Err = stage.err
	}
	var fault *Fault
	switch reason := reasonOf(err); {
	case reason == "denied":
		p.Step = "authenticate"
	case reason == "certificate":
		p.Step = "certificate"
	case stage != nil && (stage.stage != "shell" || errors.As(err, &fault)):
		p.Step = stage.stage
	}
	return p
}
