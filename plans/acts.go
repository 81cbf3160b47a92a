package plans

import (
	"fmt"
	"time"
)

// Asking is a changing call that a host has not answered yet.
type Asking struct {
	Host  string    `json:"host"`
	Verb  Verb      `json:"verb"`
	Since time.Time `json:"since"`
}

// Words say whose answer is missing, and since when on the reader's clock.
func (a Asking) Words() string {
	return fmt.Sprintf("%s was asked at %s for %s and has not answered yet", a.Host, a.Since.Local().Format(time.TimeOnly), a.Verb)
}

// ActRecord is one changing call to a host, as the journal has it too.
type ActRecord struct {
	Request string    `json:"request"`
	Host    string    `json:"host"`
	Verb    Verb      `json:"verb"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	// Outcome is done, moved, expired, failed, not-sent or no-answer.
	Outcome string `json:"outcome"`
	Error   string `json:"error,omitempty"`
}

// ActNote is what the journal keeps of an act before it is sent.
type ActNote struct {
	Run    string `json:"run"`
	Plan   string `json:"plan"`
	VM     string `json:"vm"`
	Label  string `json:"label"`
	Host   string `json:"host"`
	Verb   Verb   `json:"verb"`
	Expect Expect `json:"expect"`
	Why    string `json:"why"`
	// Point is the GUID of the recovery point of a failover, "" for the latest.
	Point string `json:"point,omitempty"`
	// Irreversible is true when no operation leads back.
	Irreversible bool `json:"irreversible,omitempty"`
	// AutoStart is the automatic start action that a fence found.
	AutoStart string `json:"auto_start,omitempty"`
	// At is the run's own time when it asked.
	At time.Time `json:"at,omitzero"`
}
