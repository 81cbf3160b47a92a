package hyperv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Leg is one relationship of a VM in the state that a decision was based on.
type Leg struct {
	// Relationship is Simple or Extended.
	Relationship string `json:"Relationship"`
	State        string `json:"State"`
}

// Settings are what is to change of a relationship; what is nil, zero or empty
// stays as it is.
type Settings struct {
	// FrequencySec is 30, 300 or 900.
	FrequencySec int `json:"FrequencySec"`
	// RecoveryHistory is how many extra hourly points are kept, 0 to 24: fewer
	// removes points. VSSHours is 1 to 12, or 0 for no application-consistent
	// points.
	RecoveryHistory *int   `json:"RecoveryHistory"`
	VSSHours        *int   `json:"VSSHours"`
	Compression     *bool  `json:"Compression"`
	Auth            string `json:"Auth"` // Kerberos, Certificate
	Port            int    `json:"Port"`
	// Thumbprint is of this host's own certificate.
	Thumbprint string `json:"Thumbprint"`
	// Disks are the paths of all disks that are to replicate. A changed set is
	// sent as a disk update (WaitingForUpdateCompletion).
	Disks []string `json:"Disks"`
}

// SetReplication changes the settings of one relationship on the side that sends
// and tells all relationships of the VM afterwards: in the middle of a chain it is
// not documented which one the cmdlet changes.
//
// Microsoft: Hyper-V module, Set-VMReplication.
func (h *Host) SetReplication(ctx context.Context, id string, expect Expect, within time.Duration, leg Leg, settings Settings) (ActResult, error) {
	id, err := guid(id)
	if err != nil {
		return ActResult{}, err
	}
	if settings.Auth == "Certificate" && settings.Thumbprint == "" {
		return ActResult{}, errors.New("set-replication: no thumbprint is given: Certificate needs that of the sender's own certificate")
	}
	if settings.Disks == nil {
		settings.Disks = []string{}
	}
	args := struct {
		VM string `json:"VM"`
		Leg
		Settings
	}{id, leg, settings}
	r, err := h.act(ctx, "set-replication", "Set-LifeboatReplication", id, args, expect, within, actTimeout)
	if err == nil && r.Outcome == OutcomeDone && len(r.Relations) == 0 {
		return r, unreadable("set-replication", h.Name(), id, true, errors.New("no relationship is told afterwards"))
	}
	return r, err
}

// ResumeLeg resumes, in the middle of a chain, what it sends on to the third copy;
// with resync it compares both copies first, and the third copy's recovery points
// are removed.
//
// Microsoft: Hyper-V module, Resume-VMReplication [-Resynchronize].
func (h *Host) ResumeLeg(ctx context.Context, id string, expect Expect, within time.Duration, state string, resync bool) (ActResult, error) {
	id, err := guid(id)
	if err != nil {
		return ActResult{}, err
	}
	args := struct {
		VM            string `json:"VM"`
		State         string `json:"State"`
		Resynchronize bool   `json:"Resynchronize"`
	}{id, state, resync}
	return h.act(ctx, "resume-leg", "Resume-LifeboatLeg", id, args, expect, within, actTimeout)
}

// relationsAfter are those of a VM that an act told of afterwards, nil for none.
func relationsAfter(told json.RawMessage, id string) ([]Watched, error) {
	if len(told) == 0 {
		return nil, nil
	}
	r, err := decodeReplications(told)
	if err != nil {
		return nil, fmt.Errorf("replication: %w", err)
	}
	if len(r.Copies) != 1 || r.Copies[0].VM != id {
		return nil, fmt.Errorf("replication: %d copies, want that of %s", len(r.Copies), id)
	}
	return r.Copies[0].Relations, nil
}
