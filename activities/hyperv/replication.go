package hyperv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Replications is one host's answer about how many VMs replicate.
type Replications struct {
	// UTC is the host's clock when it answered: ages are differences to it.
	UTC     time.Time     `json:"utc"`
	Copies  []Replicating `json:"copies"`
	Missing []string      `json:"missing"`
}

// Replicating is how one copy replicates. Words are Hyper-V's enum names.
//
// Microsoft: Hyper-V module, Get-VM.
type Replicating struct {
	VM     string `json:"vm"`
	Mode   string `json:"mode"`
	State  string `json:"state"`
	Health string `json:"health"`
	// Relations are none, one, or two in the middle of a chain.
	Relations []Watched `json:"relations"`
	// Problems are as those of a Copy.
	Problems []string `json:"problems"`
}

// Watched is one replication relationship, its settings and its figures.
//
// Microsoft: Hyper-V module, Get-VMReplication, Measure-VMReplication.
type Watched struct {
	Relationship  string `json:"relationship"` // Simple, Extended
	State         string `json:"state"`
	Health        string `json:"health"`
	PrimaryServer string `json:"primaryServer"`
	ReplicaServer string `json:"replicaServer"`
	FrequencySec  int    `json:"frequencySec"`
	// RecoveryHistory is how many extra hourly points are kept; VSSHours how
	// often one is application-consistent, if VSSEnabled.
	RecoveryHistory int    `json:"recoveryHistory"`
	VSSEnabled      bool   `json:"vssEnabled"`
	VSSHours        int    `json:"vssHours"`
	Compression     bool   `json:"compression"`
	Auth            string `json:"auth"` // Kerberos, Certificate
	// Thumbprint is of this host's certificate, "" with Kerberos; Port is where
	// the other host listens.
	Thumbprint string `json:"thumbprint"`
	Port       int    `json:"port"`
	// Replicated and Excluded are the paths of disks that are replicated, and of
	// those that are not.
	Replicated []string `json:"replicated"`
	Excluded   []string `json:"excluded"`
	// LastReplication is zero when there was none.
	LastReplication time.Time `json:"lastReplication"`
	// PendingBytes and the counts of cycles are nil where the host had no
	// figures; the sender's mean something. The counts begin again at
	// MonitoringStart, every 12 hours.
	PendingBytes    *uint64   `json:"pendingBytes"`
	Missed          *uint32   `json:"missed"`
	Succeeded       *uint32   `json:"succeeded"`
	Errors          *uint32   `json:"errors"`
	MonitoringStart time.Time `json:"monitoringStart"`
}

// Replications asks how many VMs replicate, in one call without adapters: what
// a schedule asks again and again. A VM that does not tell says so in its
// Problems and hides no other; an id that the host does not have is in Missing.
// No ids is no question.
//
// Microsoft: Hyper-V module, Get-VM, Get-VMReplication, Measure-VMReplication.
func (h *Host) Replications(ctx context.Context, ids []string) (r Replications, err error) {
	args, asked, err := manyVMs(ids)
	if err != nil || len(ids) == 0 {
		return Replications{}, err
	}
	err = h.read(ctx, "replications", "Get-LifeboatReplication", "", args, func(b []byte) (err error) {
		if r, err = decodeReplications(b); err != nil {
			return err
		}
		told := slices.Clone(r.Missing)
		for _, c := range r.Copies {
			told = append(told, c.VM)
		}
		return answered(asked, told)
	})
	if err != nil {
		return Replications{}, err
	}
	return r, nil
}

func decodeReplications(data []byte) (Replications, error) {
	var r Replications
	if err := decodeStrict(data, &r); err != nil {
		return Replications{}, err
	}
	if r.UTC.IsZero() {
		return Replications{}, errors.New("utc is missing")
	}
	if r.Copies == nil || r.Missing == nil {
		return Replications{}, errors.New("copies or missing is not a list")
	}
	r.UTC = r.UTC.UTC()
	seen := make(map[string]bool, len(r.Copies)+len(r.Missing))
	for i := range r.Copies {
		if err := settleReplicating(&r.Copies[i]); err != nil {
			return Replications{}, fmt.Errorf("copies[%d]: %w", i, err)
		}
		if seen[r.Copies[i].VM] {
			return Replications{}, fmt.Errorf("copies[%d]: %s comes twice", i, r.Copies[i].VM)
		}
		seen[r.Copies[i].VM] = true
	}
	if err := settleMissing(r.Missing, seen); err != nil {
		return Replications{}, err
	}
	return r, nil
}

func settleReplicating(c *Replicating) (err error) {
	if c.VM, err = guid(c.VM); err != nil {
		return err
	}
	if c.Mode == "" || c.State == "" {
		return errors.New("mode or state is empty")
	}
	if c.Relations == nil || c.Problems == nil {
		return errors.New("relations or problems is not a list")
	}
	for i := range c.Relations {
		r := &c.Relations[i]
		if r.Relationship == "" || r.State == "" {
			return fmt.Errorf("relations[%d]: relationship or state is empty", i)
		}
		if r.Replicated == nil || r.Excluded == nil {
			return fmt.Errorf("relations[%d]: replicated or excluded is not a list", i)
		}
		r.LastReplication, r.MonitoringStart = r.LastReplication.UTC(), r.MonitoringStart.UTC()
	}
	return nil
}
