package hyperv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// maxAnswer bounds one answer: 1,000 VMs with every field take about 2 MB.
const maxAnswer = 64 << 20

// decodeStrict reads exactly one JSON value without unknown members: an answer
// that is not quite what was agreed is not believed.
func decodeStrict(data []byte, into any) error {
	if len(data) == 0 {
		return errors.New("the answer is empty")
	}
	if len(data) > maxAnswer {
		return fmt.Errorf("the answer has %d bytes, more than %d", len(data), maxAnswer)
	}
	if bytes.Equal(bytes.TrimSpace(data), []byte("null")) {
		return errors.New("the answer is null")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the answer")
	}
	return nil
}

func decodeHost(data []byte) (HostFacts, error) {
	var f HostFacts
	if err := decodeStrict(data, &f); err != nil {
		return HostFacts{}, err
	}
	switch {
	case f.Name == "":
		return HostFacts{}, errors.New("name is empty")
	case f.UTC.IsZero():
		return HostFacts{}, errors.New("utc is missing")
	case f.Supported == nil || f.Switches == nil || f.Replica.Entries == nil:
		return HostFacts{}, errors.New("supported, switches or replica.entries is not a list")
	}
	f.UTC = f.UTC.UTC()
	return f, nil
}

func decodeCopies(data []byte) (Copies, error) {
	var c Copies
	if err := decodeStrict(data, &c); err != nil {
		return Copies{}, err
	}
	if c.UTC.IsZero() {
		return Copies{}, errors.New("utc is missing")
	}
	if c.Copies == nil || c.Missing == nil {
		return Copies{}, errors.New("copies or missing is not a list")
	}
	c.UTC = c.UTC.UTC()
	seen := make(map[string]bool, len(c.Copies)+len(c.Missing))
	for i := range c.Copies {
		if err := settleCopy(&c.Copies[i]); err != nil {
			return Copies{}, fmt.Errorf("copies[%d]: %w", i, err)
		}
		if seen[c.Copies[i].VM] {
			return Copies{}, fmt.Errorf("copies[%d]: %s comes twice", i, c.Copies[i].VM)
		}
		seen[c.Copies[i].VM] = true
	}
	if err := settleMissing(c.Missing, seen); err != nil {
		return Copies{}, err
	}
	return c, nil
}

// settleCopy checks one copy and brings its ids and times to one form.
func settleCopy(c *Copy) error {
	id, err := guid(c.VM)
	if err != nil {
		return err
	}
	c.VM = id
	if err := (View{c.Power, c.Mode, c.State}).check(); err != nil {
		return err
	}
	if c.Relations == nil || c.Adapters == nil || c.Problems == nil {
		return errors.New("relations, adapters or problems is not a list")
	}
	for i := range c.Relations {
		r := &c.Relations[i]
		if r.Relationship == "" || r.Mode == "" || r.State == "" {
			return fmt.Errorf("relations[%d]: relationship, mode or state is empty", i)
		}
		if r.TestVM != "" {
			if r.TestVM, err = guid(r.TestVM); err != nil {
				return fmt.Errorf("relations[%d]: testVM: %w", i, err)
			}
		}
		r.LastReplication, r.LastApplied, r.InitialStart = r.LastReplication.UTC(), r.LastApplied.UTC(), r.InitialStart.UTC()
	}
	for i := range c.Adapters {
		if c.Adapters[i].IPs == nil || c.Adapters[i].FailoverDNS == nil {
			return fmt.Errorf("adapters[%d]: ips or failoverDNS is not a list", i)
		}
	}
	return nil
}

// settleMissing brings ids that are not on a host to one form; seen are those
// that are.
func settleMissing(missing []string, seen map[string]bool) error {
	for i, id := range missing {
		id, err := guid(id)
		if err != nil {
			return fmt.Errorf("missing[%d]: %w", i, err)
		}
		if seen[id] {
			return fmt.Errorf("missing[%d]: %s comes twice", i, id)
		}
		seen[id] = true
		missing[i] = id
	}
	return nil
}

func decodeReplica(data []byte) (ReplicaFacts, error) {
	var f ReplicaFacts
	if err := decodeStrict(data, &f); err != nil {
		return ReplicaFacts{}, err
	}
	if f.Entries == nil {
		return ReplicaFacts{}, errors.New("entries is not a list")
	}
	if f.Enabled && f.Auth == "" {
		return ReplicaFacts{}, errors.New("it takes replication and auth is empty")
	}
	return f, nil
}

func decodeLink(data []byte) error {
	var answer struct {
		OK bool `json:"ok"`
	}
	if err := decodeStrict(data, &answer); err != nil {
		return err
	}
	if !answer.OK {
		return errors.New("ok is not true")
	}
	return nil
}

func decodeGuest(data []byte) (string, error) {
	var answer struct {
		Output *string `json:"output"`
	}
	if err := decodeStrict(data, &answer); err != nil {
		return "", err
	}
	if answer.Output == nil {
		return "", errors.New("output is missing")
	}
	return *answer.Output, nil
}

// actAnswer is what an act answers: the view after it, and more for some acts.
type actAnswer struct {
	View
	Adapters  []Adapter `json:"adapters"`
	AutoStart string    `json:"autoStart"`
	TestVM    string    `json:"testVM"`
	// Replication is of SetReplication.
	Replication json.RawMessage `json:"replication"`
}

func decodeAct(data []byte) (actAnswer, error) {
	var a actAnswer
	if err := decodeStrict(data, &a); err != nil {
		return actAnswer{}, err
	}
	if err := a.check(); err != nil {
		return actAnswer{}, err
	}
	if a.TestVM != "" {
		id, err := guid(a.TestVM)
		if err != nil {
			return actAnswer{}, fmt.Errorf("testVM: %w", err)
		}
		a.TestVM = id
	}
	return a, nil
}

func (v View) check() error {
	if v.Power == "" || v.Mode == "" || v.State == "" {
		return errors.New("power, mode or state is empty")
	}
	return nil
}

var guidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// guid returns id in the one form used everywhere: lower case with hyphens.
func guid(id string) (string, error) {
	if !guidForm.MatchString(id) {
		return "", fmt.Errorf("%.80q is not an id (want a GUID with hyphens)", id)
	}
	return strings.ToLower(id), nil
}
