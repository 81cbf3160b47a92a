package process

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// remembered is how many answers the pump keeps.
const remembered = 50

// pump plays docs/pump.md over a session of the interpreter.
type pump struct {
	*run
	s       session
	answers map[string]json.RawMessage
	order   []string
}

// call is a request as the wire carries it.
type call struct {
	Function string         `json:"function"`
	Args     map[string]any `json:"args"`
	Guard    *struct {
		VM     string            `json:"vm"`
		Expect map[string]string `json:"expect"`
	} `json:"guard"`
	NotAfter *time.Time `json:"notAfter"`
}

type failure struct {
	ID       string `json:"id"`
	Category string `json:"category"`
	Message  string `json:"message"`
	Type     string `json:"type"`
	HResult  string `json:"hresult"`
}

type envelope struct {
	Outcome string          `json:"outcome"`
	UTC     string          `json:"utc"`
	MS      int64           `json:"ms"`
	Result  json.RawMessage `json:"result,omitempty"`
	Now     json.RawMessage `json:"now,omitempty"`
	Acted   bool            `json:"acted,omitempty"`
	Error   *failure        `json:"error,omitempty"`
}

var frameID = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

func (r *run) pump(ctx context.Context, s session) uint32 {
	p := &pump{run: r, s: s, answers: map[string]json.RawMessage{}}
	p.send("HELLO", "0", map[string]any{
		"pump": 1, "ps": "5.1.20348.2227", "host": r.host.Name, "pid": os.Getpid(),
		"utc": p.utc(), "language": "FullLanguage",
	})
	in := bufio.NewReaderSize(r.process.stdin, 64<<10)
	for ctx.Err() == nil {
		line, err := in.ReadString('\n')
		if err != nil {
			return 0
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			continue
		}
		if p.frame(ctx, line) {
			return 0
		}
	}
	return 1
}

// frame serves one line; true means EXIT.
func (p *pump) frame(ctx context.Context, line string) bool {
	began := p.host.Now()
	parts := strings.Split(line, " ")
	if len(parts) != 3 || !frameID.MatchString(parts[1]) {
		p.refuse("0", "malformed frame")
		return false
	}
	kind, id := parts[0], parts[1]
	var payload []byte
	if parts[2] != "-" {
		var err error
		if payload, err = base64.StdEncoding.DecodeString(parts[2]); err != nil {
			p.refuse(id, "bad base64")
			return false
		}
	}
	switch kind {
	case "EXIT":
		return true
	case "PING":
		p.send("OK", id, map[string]string{"utc": p.utc()})
	case "LOAD":
		p.by = id
		if err := p.s.Load(string(payload)); err != nil {
			p.refuse(id, err.Error())
			break
		}
		p.send("OK", id, map[string]string{"utc": p.utc()})
	case "GET":
		var q struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(payload, &q) != nil {
			p.refuse(id, "bad JSON")
		} else if end, ok := p.answers[q.ID]; ok {
			p.send("END", id, end)
		} else {
			p.refuse(id, "unknown")
		}
	case "RUN":
		p.request(ctx, id, payload, began)
	default:
		p.refuse(id, "unknown kind")
	}
	return false
}

func (p *pump) request(ctx context.Context, id string, payload []byte, began time.Time) {
	if end, ok := p.answers[id]; ok {
		p.send("END", id, end)
		return
	}
	var c call
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if err := d.Decode(&c); err != nil || c.Function == "" {
		p.refuse(id, "bad JSON")
		return
	}
	for k, v := range c.Args {
		c.Args[k] = plain(v)
	}
	p.by = id
	e := p.execute(ctx, id, &c)
	e.UTC = p.utc()
	e.MS = max(0, p.host.Now().Sub(began).Milliseconds())
	end, err := json.Marshal(e)
	if err != nil {
		p.refuse(id, "the answer is not JSON: "+err.Error())
		return
	}
	p.answers[id] = end
	if p.order = append(p.order, id); len(p.order) > remembered {
		delete(p.answers, p.order[0])
		p.order = p.order[1:]
	}
	p.send("END", id, json.RawMessage(end))
}

// execute goes through the steps of a request in the page's order.
func (p *pump) execute(ctx context.Context, id string, c *call) envelope {
	if c.NotAfter != nil && p.host.Now().After(*c.NotAfter) {
		return envelope{Outcome: "expired"}
	}
	if c.Guard != nil {
		name := `Global\Lifeboat-` + strings.ToLower(c.Guard.VM)
		wait, cancel := ctx, context.CancelFunc(func() {})
		if c.NotAfter != nil {
			wait, cancel = context.WithTimeout(ctx, c.NotAfter.Sub(p.host.Now()))
		}
		had := p.mutexes.take(wait, name, p.owner)
		cancel()
		if !had {
			return envelope{Outcome: "expired"}
		}
		defer p.mutexes.release(name, p.owner)
		if e, stop := p.guard(ctx, c); stop {
			return e
		}
	}
	p.send("START", id, map[string]string{"utc": p.utc()})
	result, rec := p.s.Call(ctx, c.Function, c.Args)
	if rec != nil {
		return failed(rec, true)
	}
	return envelope{Outcome: "done", Result: rendered(result)}
}

// guard compares what the VM is with what the plan took it for.
func (p *pump) guard(ctx context.Context, c *call) (envelope, bool) {
	now, rec := p.s.Call(ctx, "Get-LifeboatGuard", map[string]any{"VM": c.Guard.VM})
	if rec != nil {
		return failed(rec, false), true
	}
	text := rendered(now)
	var have map[string]any
	_ = json.Unmarshal(text, &have)
	for member, want := range c.Guard.Expect {
		if got, ok := have[member]; !ok || fmt.Sprint(got) != want {
			return envelope{Outcome: "moved", Now: text}, true
		}
	}
	return envelope{}, false
}

func failed(rec *powershell.ErrorRecord, acted bool) envelope {
	return envelope{Outcome: "failed", Acted: acted, Error: &failure{rec.ID, rec.Category, rec.Message, rec.Type, rec.HResult}}
}

// rendered is ConvertTo-Json -Depth 8 -Compress.
func rendered(v any) json.RawMessage {
	text := powershell.ToJSON(v, 8)
	if text == "" {
		text = "null"
	}
	return json.RawMessage(text)
}

// plain turns JSON numbers into what ConvertFrom-Json makes of them.
func plain(v any) any {
	switch x := v.(type) {
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return n
		}
		f, _ := x.Float64()
		return f
	case []any:
		for i := range x {
			x[i] = plain(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = plain(x[k])
		}
	}
	return v
}

func (p *pump) utc() string { return p.host.Now().UTC().Format("2006-01-02T15:04:05.0000000Z") }

func (p *pump) refuse(id, why string) { p.send("ERR", id, map[string]string{"error": why}) }

func (p *pump) send(kind, id string, payload any) {
	b, err := json.Marshal(payload)
	if err != nil {
		b, _ = json.Marshal(map[string]string{"error": err.Error()})
		kind = "ERR"
	}
	text := base64.StdEncoding.EncodeToString(b)
	fmt.Fprintf(p.stdout, "~LB1 %s %s %d %s\r\n", kind, id, len(text), text)
}
