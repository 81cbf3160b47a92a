package process

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// keptResults is how many answers the pump remembers.
const keptResults = 50

// pump plays docs/pump.md over the interpreter.
type pump struct {
	host    *Host
	session *powershell.Session
	by      *string
	out     io.Writer
	results map[string]string // id to the END frame
	order   []string
}

// request is the payload of RUN.
type request struct {
	Function string         `json:"function"`
	Args     map[string]any `json:"args"`
	NotAfter string         `json:"notAfter"`
	Guard    *struct {
		VM     string            `json:"vm"`
		Expect map[string]string `json:"expect"`
	} `json:"guard"`
}

const stamp = "2006-01-02T15:04:05.0000000Z"

func (p *pump) utc() string { return p.host.Now().UTC().Format(stamp) }

func (p *pump) run(ctx context.Context, in io.Reader) uint32 {
	p.send("HELLO", "0", map[string]any{
		"pump": 1, "ps": "5.1.20348.2227", "host": p.host.Name, "pid": 4242, "utc": p.utc(), "language": "FullLanguage",
	})
	lines := bufio.NewReaderSize(in, 1<<16)
	for ctx.Err() == nil {
		line, err := lines.ReadString('\n')
		if err != nil {
			return 0
		}
		if p.frame(ctx, strings.TrimRight(line, "\r\n")) {
			return 0
		}
	}
	return 1
}

// frame handles one line; true ends the process.
func (p *pump) frame(ctx context.Context, line string) (exit bool) {
	parts := strings.Split(line, " ")
	if len(parts) != 3 || parts[1] == "" {
		p.send("ERR", "0", map[string]any{"error": "a frame has three words"})
		return false
	}
	kind, id := parts[0], parts[1]
	var payload []byte
	if parts[2] != "-" {
		var err error
		if payload, err = base64.StdEncoding.DecodeString(parts[2]); err != nil {
			p.send("ERR", id, map[string]any{"error": "bad base64"})
			return false
		}
	}
	switch kind {
	case "LOAD":
		if err := p.session.Load(string(payload)); err != nil {
			p.send("ERR", id, map[string]any{"error": err.Error()})
			return false
		}
		p.send("OK", id, map[string]any{"utc": p.utc()})
	case "RUN":
		p.serve(ctx, id, payload)
	case "GET":
		p.again(id, payload)
	case "PING":
		p.send("OK", id, map[string]any{"utc": p.utc()})
	case "EXIT":
		return true
	default:
		p.send("ERR", id, map[string]any{"error": "unknown frame " + kind})
	}
	return false
}

func (p *pump) again(id string, payload []byte) {
	var want struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(payload, &want) != nil {
		p.send("ERR", id, map[string]any{"error": "bad JSON"})
		return
	}
	if frame, ok := p.results[want.ID]; ok {
		_, _ = io.WriteString(p.out, frame)
		return
	}
	p.send("ERR", id, map[string]any{"error": "unknown"})
}

// send writes one frame with a JSON payload.
func (p *pump) send(kind, id string, payload any) {
	text, err := json.Marshal(payload)
	if err != nil {
		text = []byte(`{}`)
	}
	_, _ = io.WriteString(p.out, frameOf(kind, id, string(text)))
}

func frameOf(kind, id, text string) string {
	b := base64.StdEncoding.EncodeToString([]byte(text))
	if b == "" {
		return fmt.Sprintf("~LB1 %s %s 0 -\n", kind, id)
	}
	return fmt.Sprintf("~LB1 %s %s %d %s\n", kind, id, len(b), b)
}

// serve runs one request, once: the same id again gets the same answer.
func (p *pump) serve(ctx context.Context, id string, payload []byte) {
	if frame, ok := p.results[id]; ok {
		_, _ = io.WriteString(p.out, frame)
		return
	}
	var r request
	if err := json.Unmarshal(payload, &r); err != nil {
		p.send("ERR", id, map[string]any{"error": "bad JSON: " + err.Error()})
		return
	}
	began := time.Now()
	*p.by = id
	envelope := p.guarded(ctx, id, r)
	if ctx.Err() != nil {
		return // killed: nobody hears the end
	}
	frame := frameOf("END", id, fmt.Sprintf(envelope, p.utc(), time.Since(began).Milliseconds()))
	p.results[id] = frame
	if p.order = append(p.order, id); len(p.order) > keptResults {
		delete(p.results, p.order[0])
		p.order = p.order[1:]
	}
	_, _ = io.WriteString(p.out, frame)
}

// guarded compares and acts; it returns the envelope with places for utc and
// ms.
func (p *pump) guarded(ctx context.Context, id string, r request) string {
	if r.Guard == nil {
		return p.call(ctx, id, r)
	}
	notAfter, err := time.Parse(time.RFC3339Nano, r.NotAfter)
	if err != nil || p.host.Now().After(notAfter) {
		return envelope(`"outcome":"expired"`)
	}
	release, ok := p.host.Mutexes.take(ctx, strings.ToLower(r.Guard.VM), notAfter.Sub(p.host.Now()))
	if !ok {
		return envelope(`"outcome":"expired"`)
	}
	defer release()
	now, record := p.session.Call(ctx, "Get-LifeboatGuard", map[string]any{"VM": r.Guard.VM})
	if record != nil {
		return failed(record, false)
	}
	text := powershell.ToJSON(now, 8)
	var seen map[string]any
	_ = json.Unmarshal([]byte(text), &seen)
	for _, key := range []string{"power", "mode", "state"} {
		if want, given := r.Guard.Expect[key]; given && fmt.Sprint(seen[key]) != want {
			return envelope(`"outcome":"moved","now":` + text)
		}
	}
	return p.call(ctx, id, r)
}

func (p *pump) call(ctx context.Context, id string, r request) string {
	p.send("START", id, map[string]any{"utc": p.utc()})
	result, record := p.session.Call(ctx, r.Function, r.Args)
	if record != nil {
		return failed(record, true)
	}
	text := powershell.ToJSON(result, 8)
	if text == "" {
		text = "null"
	}
	return envelope(`"outcome":"done","result":` + text)
}

// envelope escapes what Sprintf would read.
func envelope(body string) string {
	return `{"utc":"%s","ms":%d,` + strings.ReplaceAll(body, "%", "%%") + `}`
}

func failed(r *powershell.ErrorRecord, acted bool) string {
	text, err := json.Marshal(map[string]string{"id": r.ID, "category": r.Category, "message": r.Message, "type": r.Type, "hresult": r.HResult})
	if err != nil {
		text = []byte(`{}`)
	}
	return envelope(fmt.Sprintf(`"outcome":"failed","acted":%t,"error":%s`, acted, text))
}
