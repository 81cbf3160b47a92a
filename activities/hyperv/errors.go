package hyperv

import "fmt"

// NotSentError says that the host cannot have seen the request.
type NotSentError struct {
	Host string
	// Reason is a stable word: unreachable, denied, certificate, quota,
	// policy (language mode), busy, cancelled.
	Reason string
	Err    error
	Hint   string
}

func (e *NotSentError) Error() string {
	return fmt.Sprintf("%s: not sent (%s): %v", e.Host, e.Reason, e.Err)
}
func (e *NotSentError) Unwrap() error { return e.Err }

// NoAnswerError says that the request was sent and no answer came.
type NoAnswerError struct {
	Host    string
	Request string
	// Started is true when the host said that it began to act.
	Started bool
	Err     error
}

func (e *NoAnswerError) Error() string {
	return fmt.Sprintf("%s: request %s: sent, no answer: %v", e.Host, e.Request, e.Err)
}
func (e *NoAnswerError) Unwrap() error { return e.Err }

// ScriptError is a PowerShell error that the host answered with.
type ScriptError struct {
	Host     string
	Function string
	Request  string
	// ID is the FullyQualifiedErrorId, Category the CategoryInfo.Category:
	// both are the same in every language, Message is not.
	ID       string
	Category string
	Message  string
	Type     string
	HResult  string
	// Acted is true when the function had begun (a START frame was seen).
	Acted bool
}

func (e *ScriptError) Error() string {
	return fmt.Sprintf("%s: %s: %s (%s)", e.Host, e.Function, e.Message, e.ID)
}
