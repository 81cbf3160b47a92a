package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// The kinds of an entry.
const (
	KindBefore = "before" // an act is about to be sent
	KindAfter  = "after"  // what became of it
	KindNote   = "note"   // a message that went out to people
	KindReport = "report" // the report of a run was kept
	KindEdit   = "edit"   // what a person added to a report
)

// Bounds: a text beyond textLimit is cut and says so; an entry or a report
// beyond its limit is refused.
const (
	runLimit    = 1 << 10
	textLimit   = 16 << 10
	entryLimit  = 256 << 10
	reportLimit = 32 << 20
)

// Entry is one line of the journal. Times are the engine's clock, in UTC.
type Entry struct {
	// Seq counts from 1 without gaps.
	Seq  uint64    `json:"seq"`
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
	Run  string    `json:"run,omitempty"`
	Plan string    `json:"plan,omitempty"`
	// VM is the id, Label its name for people.
	VM    string     `json:"vm,omitempty"`
	Label string     `json:"label,omitempty"`
	Host  string     `json:"host,omitempty"`
	Verb  plans.Verb `json:"verb,omitempty"`
	// Expect is what the VM had to be for the act to be done (before).
	Expect *plans.Expect `json:"expect,omitempty"`
	// Point is the GUID of the recovery point of a failover, "" for the latest
	// data (before).
	Point string `json:"point,omitempty"`
	// Irreversible is true when no operation leads back (before, after).
	Irreversible bool `json:"irreversible,omitempty"`
	// Outcome is that of the act (after), or the verdict of the run (report).
	Outcome string `json:"outcome,omitempty"`
	// Text is why (before), the error (after), the message (note) or the
	// summary (report).
	Text string `json:"text,omitempty"`
	// Request is the id under which the host knows the act (after).
	Request string     `json:"request,omitempty"`
	Started *time.Time `json:"started,omitempty"`
	Ended   *time.Time `json:"ended,omitempty"`
	// Of is the seq of the before entry that this one ends (after).
	Of uint64 `json:"of,omitempty"`
	// Report is the SHA-256 of the kept report (report).
	Report string `json:"report,omitempty"`
	// Edit is what a person added to the report of Run (edit).
	Edit *plans.ReportEdit `json:"edit,omitempty"`
	// Prev is the hash of the entry before this one, Hash its own: SHA-256
	// over the bytes of Prev and of this entry's JSON without hash.
	Prev string `json:"prev"`
	Hash string `json:"hash,omitempty"`
}

// Words is the entry in one line for people, without its time.
func (e Entry) Words() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#%d ", e.Seq)
	what := fmt.Sprintf("%s of %s at %s", e.Verb, e.Label, e.Host)
	switch e.Kind {
	case KindBefore:
		b.WriteString("about to: " + what)
		if e.Irreversible {
			b.WriteString(" (no way back)")
		}
	case KindAfter:
		fmt.Fprintf(&b, "%s: %s (#%d", e.Outcome, what, e.Of)
		if e.Started != nil && e.Ended != nil {
			fmt.Fprintf(&b, ", took %s", e.Ended.Sub(*e.Started).Round(10*time.Millisecond))
		}
		if e.Request != "" {
			b.WriteString(", request " + e.Request)
		}
		b.WriteString(")")
	case KindNote:
		b.WriteString("told people")
	case KindReport:
		b.WriteString("report kept, verdict " + e.Outcome)
	case KindEdit:
		b.WriteString("added to the report by " + e.Edit.By)
	}
	if e.Text != "" {
		b.WriteString(": " + e.Text)
	}
	if e.Run != "" {
		b.WriteString(" [" + e.Run + "]")
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// seal is how an entry lies in the file: its hash, then its JSON without hash.
// The hash covers the very bytes, so nothing rests on encoding them twice.
func seal(e Entry) (stored []byte, hash string, err error) {
	e.Hash = ""
	body, err := json.Marshal(e)
	if err != nil {
		return nil, "", err
	}
	if len(body) > entryLimit {
		return nil, "", fmt.Errorf("an entry of %d bytes is too large for the journal (at most %d)", len(body), entryLimit)
	}
	prev, err := hex.DecodeString(e.Prev)
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(append(prev, body...))
	return append(sum[:], body...), hex.EncodeToString(sum[:]), nil
}

// unseal reads a stored entry and checks it against its own hash.
func unseal(stored []byte) (Entry, error) {
	if len(stored) <= sha256.Size {
		return Entry{}, errors.New("it is cut off")
	}
	want, body := stored[:sha256.Size], stored[sha256.Size:]
	var e Entry
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return Entry{}, fmt.Errorf("it cannot be read: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Entry{}, errors.New("something follows it")
	}
	if e.Hash != "" {
		return Entry{}, errors.New("it holds a hash of its own")
	}
	prev, err := hex.DecodeString(e.Prev)
	if err != nil || len(prev) != 0 && len(prev) != sha256.Size {
		return Entry{}, errors.New("the hash of the entry before it is none")
	}
	if sum := sha256.Sum256(append(prev, body...)); !bytes.Equal(sum[:], want) {
		return Entry{}, errors.New("its text does not fit its hash: it was edited")
	}
	e.Hash = hex.EncodeToString(want)
	return e, nil
}

// clip keeps a text within textLimit and in valid UTF-8.
func clip(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= textLimit {
		return text
	}
	cut := textLimit
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + " … (cut)"
}
