package winrm

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
)

// peer is a scripted WinRM service with a scripted pump behind it.
type peer struct {
	mu       sync.Mutex
	pipes    map[string]*pipe
	runs     int            // RUN lines that arrived
	active   map[string]int // guarded calls at work for each VM
	overlap  bool
	ends     map[string]string
	shells   int
	deleted  int
	receives map[string][]byte // answers by MessageID
	// intercept may answer a request itself (true).
	intercept func(action string, w http.ResponseWriter) bool
	// act is what the pump does with a RUN; nil answers done.
	act  func(id string, r request) (answer string, ok bool)
	skew time.Duration
}

// pipe is one shell's output.
type pipe struct {
	out  []byte
	more chan struct{}
}

const soapHead = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:rsp="http://schemas.microsoft.com/wbem/wsman/1/windows/shell"><s:Header><a:RelatesTo>%s</a:RelatesTo></s:Header><s:Body>%s</s:Body></s:Envelope>`

func faultBody(code uint32) string {
	return fmt.Sprintf(`<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>w:X</s:Value></s:Subcode></s:Code><s:Reason><s:Text>no</s:Text></s:Reason><s:Detail><f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="%d"/></s:Detail></s:Fault>`, code)
}

var (
	shellOf  = regexp.MustCompile(`Name="ShellId">([^<]+)<`)
	idOf     = regexp.MustCompile(`MessageID>([^<]+)<`)
	actionOf = regexp.MustCompile(`Action [^>]*>[^<]*/([A-Za-z]+)<`)
	inputOf  = regexp.MustCompile(`Stream [^>]*>([^<]*)<`)
)

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	body := string(raw)
	id, action := idOf.FindStringSubmatch(body)[1], actionOf.FindStringSubmatch(body)[1]
	shell := ""
	if m := shellOf.FindStringSubmatch(body); m != nil {
		shell = m[1]
	}
	reply := func(status int, text string) {
		w.Header().Set("Content-Type", "application/soap+xml;charset=UTF-8")
		w.WriteHeader(status)
		fmt.Fprintf(w, soapHead, id, text)
	}
	if action != "Send" && p.caught(action, w) {
		return
	}
	switch action {
	case "Create":
		p.mu.Lock()
		p.shells++
		shell = fmt.Sprintf("S-%d", p.shells)
		p.pipes[shell] = &pipe{more: make(chan struct{}, 1)}
		p.mu.Unlock()
		reply(200, `<rsp:Shell><rsp:ShellId>`+shell+`</rsp:ShellId></rsp:Shell>`)
	case "Command":
		if !strings.Contains(body, `"WINRS_CONSOLEMODE_STDIN">FALSE`) {
			reply(500, faultBody(87))
			return
		}
		p.say(shell, "HELLO", "0", `{"pump":1,"language":"FullLanguage","utc":"`+p.utc()+`"}`)
		reply(200, `<rsp:CommandResponse><rsp:CommandId>C-1</rsp:CommandId></rsp:CommandResponse>`)
	case "Send":
		input, _ := base64.StdEncoding.DecodeString(inputOf.FindStringSubmatch(body)[1])
		for line := range strings.Lines(string(input)) {
			p.line(shell, strings.TrimSpace(line))
		}
		if p.caught(action, w) {
			return
		}
		reply(200, `<rsp:SendResponse/>`)
	case "Receive":
		p.receive(r.Context(), w, shell, id, reply)
	default:
		p.mu.Lock()
		if action == "Delete" {
			p.deleted++
		}
		p.mu.Unlock()
		reply(200, "")
	}
}

func (p *peer) catch(f func(string, http.ResponseWriter) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.intercept = f
}

func (p *peer) caught(action string, w http.ResponseWriter) bool {
	p.mu.Lock()
	f := p.intercept
	p.mu.Unlock()
	return f != nil && f(action, w)
}

func (p *peer) seen() (runs int, overlap bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.runs, p.overlap
}

func (p *peer) receive(ctx context.Context, w http.ResponseWriter, shell, id string, reply func(int, string)) {
	p.mu.Lock()
	one := p.pipes[shell]
	p.mu.Unlock()
	limit := time.After(150 * time.Millisecond)
	for {
		p.mu.Lock()
		data, known := p.receives[id]
		if !known && len(one.out) > 0 {
			data, known = one.out, true
			p.receives[id], one.out = one.out, nil
		}
		p.mu.Unlock()
		if known {
			if p.caught("Received", w) {
				return
			}
			reply(200, `<rsp:ReceiveResponse><rsp:Stream Name="stdout">`+base64.StdEncoding.EncodeToString(data)+`</rsp:Stream></rsp:ReceiveResponse>`)
			return
		}
		select {
		case <-one.more:
		case <-limit:
			reply(500, faultBody(faultTimedOut))
			return
		case <-ctx.Done():
			return
		}
	}
}

func (p *peer) utc() string { return time.Now().Add(p.skew).UTC().Format(time.RFC3339Nano) }

func (p *peer) say(shell, kind, id, payload string) {
	text := base64.StdEncoding.EncodeToString([]byte(payload))
	p.mu.Lock()
	one := p.pipes[shell]
	one.out = append(one.out, fmt.Sprintf("\nnoise\n~LB1 %s %s %d %s\n", kind, id, len(text), text)...)
	p.mu.Unlock()
	select {
	case one.more <- struct{}{}:
	default:
	}
}

func (p *peer) line(shell, line string) {
	words := strings.Split(line, " ")
	if len(words) != 3 {
		return
	}
	raw, _ := base64.StdEncoding.DecodeString(words[2])
	switch words[0] {
	case "RUN":
		var r request
		_ = json.Unmarshal(raw, &r)
		p.mu.Lock()
		p.runs++
		p.mu.Unlock()
		go p.run(shell, words[1], r)
	case "GET":
		var of struct{ ID string }
		_ = json.Unmarshal(raw, &of)
		p.mu.Lock()
		end := p.ends[of.ID]
		p.mu.Unlock()
		if end == "" {
			p.say(shell, "ERR", words[1], `{"error":"unknown"}`)
		} else {
			p.say(shell, "END", words[1], end)
		}
	default:
		p.say(shell, "OK", words[1], `{"utc":"`+p.utc()+`"}`)
	}
}

func (p *peer) run(shell, id string, r request) {
	if r.Guard != nil {
		p.mu.Lock()
		p.active[r.Guard.VM]++
		p.overlap = p.overlap || p.active[r.Guard.VM] > 1
		p.mu.Unlock()
		defer func() { p.mu.Lock(); p.active[r.Guard.VM]--; p.mu.Unlock() }()
	}
	end, ok := `{"outcome":"done","utc":"`+p.utc()+`","ms":3,"result":{"x":1}}`, true
	if p.act != nil {
		end, ok = p.act(id, r)
	}
	if !ok {
		return
	}
	p.mu.Lock()
	p.ends[id] = end
	p.mu.Unlock()
	p.say(shell, "END", id, end)
}

func reset(w http.ResponseWriter) bool {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = c.(interface{ NetConn() net.Conn }).NetConn().(*net.TCPConn).SetLinger(0)
		_ = c.(interface{ NetConn() net.Conn }).NetConn().Close()
	}
	return true
}

func once(want string, do func(http.ResponseWriter) bool) func(string, http.ResponseWriter) bool {
	var one sync.Once
	return func(action string, w http.ResponseWriter) (did bool) {
		if action == want {
			one.Do(func() { did = do(w) })
		}
		return did
	}
}

func start(t *testing.T, p *peer) *Host {
	t.Helper()
	p.pipes, p.active, p.ends, p.receives = map[string]*pipe{}, map[string]int{}, map[string]string{}, map[string][]byte{}
	server := httptest.NewTLSServer(p)
	address, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	number, _ := strconv.Atoi(port)
	limits := usual
	limits.operation, limits.slack, limits.backoff, limits.closing, limits.hello = time.Second, time.Second, time.Millisecond, time.Second, time.Second
	h, err := newHost(Config{Host: "ng-hv01", Address: address, Port: number, HTTPS: true, ServerName: "example.com",
		CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), User: "u", Password: "p", Auth: "basic", ActLanes: 2, Library: "x"}, limits)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		require.NoError(t, h.Close(ctx))
		server.CloseClientConnections()
		server.Close()
	})
	return h
}

func act(vm string) hyperv.Call {
	return hyperv.Call{Function: "Test-LifeboatEcho", Lane: hyperv.ActLane, Timeout: 4 * time.Second, Guard: &hyperv.Guard{VM: vm, Within: 30}}
}

func TestRunAndCount(t *testing.T) {
	p := &peer{skew: 90 * time.Minute}
	var notAfter string
	p.act = func(_ string, r request) (string, bool) {
		notAfter = r.NotAfter
		return `{"outcome":"done","ms":3,"result":{"x":1}}`, true
	}
	h := start(t, p)
	require.NoError(t, h.Probe(t.Context()))
	a, err := h.Run(t.Context(), act("a"))
	require.NoError(t, err)
	require.Equal(t, hyperv.OutcomeDone, a.Outcome)
	require.JSONEq(t, `{"x":1}`, string(a.Result))
	until, err := time.Parse(time.RFC3339Nano, notAfter)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(90*time.Minute+30*time.Second), until, 2*time.Second, "the deadline is in the host's time")
	require.EqualValues(t, 2, h.Stats().Sessions)
	require.EqualValues(t, 1, h.Stats().Calls)
	require.Equal(t, 2084, h.Stats().CertificateEnds.Year(), "httptest's certificate")
}

func TestLostAnswers(t *testing.T) {
	for _, action := range []string{"Send", "Received", "Receive"} {
		t.Run(action, func(t *testing.T) {
			p := &peer{}
			h := start(t, p)
			_, err := h.Run(t.Context(), act("a"))
			require.NoError(t, err)
			p.catch(once(action, reset))
			a, err := h.Run(t.Context(), act("a"))
			require.NoError(t, err)
			require.Equal(t, hyperv.OutcomeDone, a.Outcome)
			runs, _ := p.seen()
			require.Equal(t, 2, runs, "never told twice")
		})
	}
}

func TestSilentHost(t *testing.T) {
	p := &peer{act: func(string, request) (string, bool) { return "", false }}
	h := start(t, p)
	call := act("a")
	call.Timeout = 700 * time.Millisecond
	began := time.Now()
	_, err := h.Run(t.Context(), call)
	var none *hyperv.NoAnswerError
	require.ErrorAs(t, err, &none)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(began), 1500*time.Millisecond)
	runs, _ := p.seen()
	require.Equal(t, 1, runs)
}

func TestRefusals(t *testing.T) {
	status := func(code int, kind, text string) func(string, http.ResponseWriter) bool {
		return func(_ string, w http.ResponseWriter) bool {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(code)
			_, _ = io.WriteString(w, text)
			return true
		}
	}
	for _, c := range []struct {
		reason, step string
		intercept    func(string, http.ResponseWriter) bool
	}{
		{"denied", "authenticate", status(401, "", "")},
		{"quota", "shell", status(500, soapType, fmt.Sprintf(soapHead, "", faultBody(faultMaxShells)))},
		{"unreachable", "reach", status(200, "text/html", "<html>")},
		{"unreachable", "reach", status(200, soapType, "{}")},
	} {
		h := start(t, &peer{intercept: c.intercept})
		_, err := h.Run(t.Context(), act("a"))
		var unsent *hyperv.NotSentError
		require.ErrorAs(t, err, &unsent)
		require.Equal(t, c.reason, unsent.Reason)
		var at *ProbeError
		require.ErrorAs(t, h.Probe(t.Context()), &at)
		require.Equal(t, c.step, at.Step)
	}
}

func TestShellGoneIsOpenedAnew(t *testing.T) {
	p := &peer{}
	h := start(t, p)
	_, err := h.Run(t.Context(), act("a"))
	require.NoError(t, err)
	p.catch(once("Receive", func(w http.ResponseWriter) bool {
		w.Header().Set("Content-Type", soapType)
		w.WriteHeader(500)
		fmt.Fprintf(w, soapHead, "", faultBody(faultNoShell))
		return true
	}))
	require.Eventually(t, func() bool { _, err := h.Run(t.Context(), act("a")); return err == nil && h.Stats().Sessions == 2 }, 5*time.Second, 10*time.Millisecond)
}

// A host that starts PowerShell more slowly than a call may last is reached all the
// same, by the next call, and starts one.
func TestASlowStartOutlivesItsCall(t *testing.T) {
	started := make(chan struct{})
	p := &peer{intercept: func(action string, _ http.ResponseWriter) bool {
		if action == "Command" {
			<-started
		}
		return false
	}}
	h := start(t, p)
	hasty := act("a")
	hasty.Timeout = 100 * time.Millisecond
	for range 3 {
		_, err := h.Run(t.Context(), hasty)
		var unsent *hyperv.NotSentError
		require.ErrorAs(t, err, &unsent)
		require.ErrorContains(t, err, "it goes on")
	}
	close(started)
	_, err := h.Run(t.Context(), act("a"))
	require.NoError(t, err)
	require.EqualValues(t, 1, h.Stats().Sessions)
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Equal(t, 1, p.shells)
}

func TestCancelIsQuickAndNothingLeaks(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("", func(t *testing.T) {
		h := start(t, &peer{act: func(string, request) (string, bool) { return "", false }})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(300*time.Millisecond, cancel)
		began := time.Now()
		_, err := h.Run(ctx, act("a"))
		require.ErrorIs(t, err, context.Canceled)
		require.Less(t, time.Since(began), 800*time.Millisecond)
	})
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+2 }, 5*time.Second, 20*time.Millisecond)
}

func TestNothingListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	h, err := New(Config{Host: "x", Address: "127.0.0.1", Port: port, User: "u", Password: "p", Auth: "ntlm"})
	require.NoError(t, err)
	_, err = h.Run(t.Context(), act("a"))
	var unsent *hyperv.NotSentError
	require.True(t, errors.As(err, &unsent))
	require.Equal(t, "unreachable", unsent.Reason)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", h.config, h.config, h.config.Password), `"p"`)
}
