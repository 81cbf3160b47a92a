package evidence

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Seal says what a file is, on which entry of the journal it rests, and who signed
// it. The signature covers all of the file and the rest of the seal.
type Seal struct {
	Report    string       `json:"report"`
	Run       string       `json:"run"`
	Anchor    plans.Anchor `json:"anchor"`
	Key       string       `json:"key"`
	Signature string       `json:"signature,omitempty"`
}

// A signature for one kind of file is none for another.
const (
	htmlMark = "lifeboat report html 1\n"
	jsonMark = "lifeboat report json 1\n"
)

// The seal of an HTML file is its last line.
const (
	sealHead = "<!-- lifeboat-seal "
	sealTail = " -->\n"
)

// ErrNotAsSigned says that a file is not as it was signed.
var ErrNotAsSigned = errors.New("the file is not as it was signed: somebody changed it, or it was damaged on the way")

// ErrNoSeal says that a file holds no seal of a report.
var ErrNoSeal = errors.New("the file holds no seal: it is no report as lifeboat report export writes it, or its end was cut off")

func (k Key) seal(e plans.Evidence, mark string, body []byte) Seal {
	s := Seal{Report: e.Number, Run: e.Run, Anchor: e.Anchor, Key: k.Public().String()}
	s.Signature = base64.StdEncoding.EncodeToString(ed25519.Sign(k.key, s.signed(mark, body)))
	return s
}

// signed are the bytes that the signature is over.
func (s Seal) signed(mark string, body []byte) []byte {
	s.Signature = ""
	return slices.Concat([]byte(mark), body, []byte("\n"), s.text())
}

// text cannot hold what ends a comment: the encoder escapes < and >.
func (s Seal) text() []byte {
	text, err := json.Marshal(s)
	if err != nil { // the type is ours and always encodes
		return nil
	}
	return text
}

func (s Seal) check(mark string, body []byte) error {
	key, err := ParseKey(s.Key)
	if err != nil {
		return ErrNotAsSigned
	}
	// The decoder takes a signature in several spellings; it is written in one.
	signature, err := base64.StdEncoding.DecodeString(s.Signature)
	if err != nil || base64.StdEncoding.EncodeToString(signature) != s.Signature || !ed25519.Verify(key.key, s.signed(mark, body), signature) {
		return ErrNotAsSigned
	}
	return nil
}

// sealHTML adds the seal to a page.
func (k Key) sealHTML(e plans.Evidence, page []byte) []byte {
	return slices.Concat(page, []byte(sealHead), k.seal(e, htmlMark, page).text(), []byte(sealTail))
}

func openHTML(file []byte) (Seal, error) {
	at := bytes.LastIndex(file, []byte(sealHead))
	if at < 0 || !bytes.HasSuffix(file, []byte(sealTail)) {
		return Seal{}, ErrNoSeal
	}
	s, err := readSeal(file[at+len(sealHead) : len(file)-len(sealTail)])
	if err != nil {
		return Seal{}, err
	}
	return s, s.check(htmlMark, file[:at])
}

// readSeal takes a seal only as text writes it: nothing may hide beside it.
func readSeal(text []byte) (Seal, error) {
	var s Seal
	if err := json.Unmarshal(text, &s); err != nil {
		return Seal{}, ErrNoSeal
	}
	if !bytes.Equal(s.text(), text) {
		return s, ErrNotAsSigned
	}
	return s, nil
}

// jsonFile is a report in JSON. CSV is the SHA-256 of the file beside it.
type jsonFile struct {
	Report json.RawMessage `json:"report"`
	CSV    string          `json:"csv_sha256"`
	Seal   Seal            `json:"seal"`
}

func (f jsonFile) body() []byte { return slices.Concat(f.Report, []byte("\n"+f.CSV)) }

// text is how the file is written, and the only way in which it is taken.
func (f jsonFile) text() ([]byte, error) {
	text, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func (k Key) sealJSON(e plans.Evidence, table []byte) ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	f := jsonFile{Report: text, CSV: sumOf(table)}
	f.Seal = k.seal(e, jsonMark, f.body())
	return f.text()
}

func sumOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func openJSON(file []byte) (jsonFile, error) {
	var f jsonFile
	if err := json.Unmarshal(file, &f); err != nil || f.Seal.Signature == "" || len(f.Report) == 0 {
		return f, ErrNoSeal
	}
	var report bytes.Buffer
	if err := json.Compact(&report, f.Report); err != nil {
		return f, ErrNoSeal
	}
	f.Report = report.Bytes()
	again, err := f.text()
	if err != nil || !bytes.Equal(again, file) {
		return f, ErrNotAsSigned
	}
	return f, f.Seal.check(jsonMark, f.body())
}

// Open reads the seal of an exported HTML or JSON file and checks that the file is
// as the key in it signed it. Whose key that is, it does not say.
func Open(file []byte) (Seal, error) {
	if strings.HasPrefix(strings.TrimSpace(string(file[:min(len(file), 64)])), "{") {
		f, err := openJSON(file)
		return f.Seal, err
	}
	return openHTML(file)
}

// OpenTable checks a CSV file by the JSON file that was written with it.
func OpenTable(table, beside []byte) (Seal, error) {
	f, err := openJSON(beside)
	if err != nil {
		return f.Seal, fmt.Errorf("the JSON file beside it: %w", err)
	}
	if f.CSV != sumOf(table) {
		return f.Seal, ErrNotAsSigned
	}
	return f.Seal, nil
}
