package wsman

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// raw speaks single messages, to see what clients hide.
type raw struct {
	t      *testing.T
	client *http.Client
	url    string
}

func (x *site) raw(t *testing.T) *raw {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(x.ca)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(tr.CloseIdleConnections)
	return &raw{t, &http.Client{Transport: tr, Timeout: 20 * time.Second}, fmt.Sprintf("https://127.0.0.1:%d/wsman", x.https)}
}

func (r *raw) post(message, action, shell, body, extra string) (int, string, error) {
	env := fmt.Sprintf(`<env:Envelope xmlns:env="%s" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:w="%s" xmlns:rsp="%s"><env:Header><a:To>x</a:To><a:MessageID>%s</a:MessageID><w:ResourceURI>%s</w:ResourceURI><a:Action>%s</a:Action>%s<w:SelectorSet><w:Selector Name="ShellId">%s</w:Selector></w:SelectorSet></env:Header><env:Body>%s</env:Body></env:Envelope>`,
		nsSOAP, nsWSMan, nsShell, message, shellCmd, action, extra, shell, body)
	req, err := http.NewRequest(http.MethodPost, r.url, strings.NewReader(env))
	if err != nil {
		r.t.Fatal(err)
	}
	req.SetBasicAuth("lifeboat", "Pa55 wörd")
	req.Header.Set("Content-Type", "application/soap+xml;charset=UTF-8")
	resp, err := r.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func (r *raw) create(idle string) (int, string, string) {
	status, body, err := r.post("uuid:c", nsTransfer+"/Create", "", `<rsp:Shell>`+idle+`</rsp:Shell>`, "")
	if err != nil {
		r.t.Fatal(err)
	}
	id := ""
	if m := regexp.MustCompile(`<rsp:ShellId>([^<]+)`).FindStringSubmatch(body); m != nil {
		id = m[1]
	}
	return status, body, id
}

func (r *raw) command(shell, line string) string {
	r.t.Helper()
	_, body, err := r.post("uuid:k", nsShell+"/Command", shell, `<rsp:CommandLine><rsp:Command>`+line+`</rsp:Command></rsp:CommandLine>`, "")
	m := regexp.MustCompile(`<rsp:CommandId>([^<]+)`).FindStringSubmatch(body)
	if err != nil || m == nil {
		r.t.Fatalf("command %s: %v %s", line, err, body)
	}
	return m[1]
}

func (r *raw) receive(message, shell, command, timeout string) (int, string, error) {
	return r.post(message, nsShell+"/Receive", shell, `<rsp:Receive><rsp:DesiredStream CommandId="`+command+`">stdout stderr</rsp:DesiredStream></rsp:Receive>`,
		`<w:OperationTimeout>`+timeout+`</w:OperationTimeout>`)
}

func want(t *testing.T, body, part string) {
	t.Helper()
	if !strings.Contains(body, part) {
		t.Errorf("%q is not in %.600q", part, body)
	}
}

func TestFaultsAndQuota(t *testing.T) {
	x := newSite(t, Options{MaxShells: 2})
	r := x.raw(t)
	_, _, id := r.create("")
	r.create("")
	status, body, _ := r.create("")
	if status != 500 {
		t.Errorf("status %d over the quota", status)
	}
	want(t, body, `Code="2150859173"`)
	_, body, _ = r.receive("uuid:1", "NO-SUCH", "X", "PT1S")
	want(t, body, `Code="2150858843"`)
	want(t, body, "<a:RelatesTo>uuid:1</a:RelatesTo>")
	cmd := r.command(id, "wait")
	_, body, _ = r.receive("uuid:2", id, cmd, "PT0.5S")
	want(t, body, `Code="2150858793"`)
	_, body, _ = r.create("<rsp:IdleTimeOut>soon</rsp:IdleTimeOut>")
	want(t, body, `Code="2150858817"`)
	// A waiting Receive is aborted by the Signal.
	got := make(chan string, 1)
	go func() {
		_, body, _ := r.receive("uuid:3", id, cmd, "PT30S")
		got <- body
	}()
	eventually(t, func() bool {
		x.server.mu.Lock()
		defer x.server.mu.Unlock()
		return x.server.receives["lifeboat"] == 1
	})
	_, body, _ = r.post("uuid:4", nsShell+"/Signal", id, `<rsp:Signal CommandId="`+cmd+`"><rsp:Code>`+nsShell+`/signal/terminate</rsp:Code></rsp:Signal>`, "")
	want(t, body, "SignalResponse")
	want(t, <-got, `Code="995"`)
}

func TestLostAnswerIsSentAgain(t *testing.T) {
	x := newSite(t, Options{})
	r := x.raw(t)
	_, _, id := r.create("")
	cmd := r.command(id, "hostname")
	x.server.InjectWire(WireFault{Kind: "lose", Action: "/Receive"})
	if _, _, err := r.receive("uuid:same", id, cmd, "PT5S"); err == nil {
		t.Fatal("the answer was not lost")
	}
	for range 2 {
		_, body, err := r.receive("uuid:same", id, cmd, "PT5S")
		if err != nil {
			t.Fatal(err)
		}
		want(t, body, "TkctSFYwMQ0K")
		want(t, body, "CommandState/Done")
	}
}

func TestIdleShellEndsAndOrphanLives(t *testing.T) {
	x := newSite(t, Options{})
	r := x.raw(t)
	r.create("<rsp:IdleTimeOut>PT0.2S</rsp:IdleTimeOut>")
	_, _, id := r.create("")
	r.command(id, "wait")
	r.client.CloseIdleConnections()
	eventually(t, func() bool { return x.server.Shells("lifeboat") == 1 })
	status, body, err := r.post("uuid:g", nsTransfer+"/Get", id, "", "")
	if err != nil || status != 200 {
		t.Fatalf("the orphan is gone: %d %v %s", status, err, body)
	}
}

func TestCutKillAndHostDown(t *testing.T) {
	x := newSite(t, Options{})
	r := x.raw(t)
	_, _, id := r.create("")
	if _, _, err := r.post("uuid:k", nsShell+"/Command", id, `<rsp:CommandLine><rsp:Command>cut kill</rsp:Command></rsp:CommandLine>`, ""); err != nil {
		t.Log("the cut hit the answer:", err)
	}
	eventually(t, func() bool { return x.server.Shells("") == 0 })
	r.create("")
	x.server.SetUp(false)
	if n := x.server.Shells(""); n != 0 {
		t.Errorf("%d shells on a host that is down", n)
	}
	if _, _, err := r.post("uuid:i", nsTransfer+"/Create", "", "<rsp:Shell/>", ""); err == nil {
		t.Error("a host that is down answered")
	}
	x.server.SetUp(true)
	if status, body, _ := r.create(""); status != 200 {
		t.Errorf("not back: %d %s", status, body)
	}
}

func TestUnencryptedIsRefused(t *testing.T) {
	x := newSite(t, Options{})
	r := x.raw(t)
	r.url = fmt.Sprintf("http://127.0.0.1:%d/wsman", x.http)
	status, body, err := r.post("uuid:1", nsTransfer+"/Create", "", "<rsp:Shell/>", "")
	if err != nil || status != 401 || body != "" {
		t.Errorf("Basic over plain HTTP: %d %q %v", status, body, err)
	}
}

func eventually(t *testing.T, fact func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !fact() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it never came true")
		}
	}
}

func FuzzDecoders(f *testing.F) {
	h, err := startNTLM(append(append([]byte{}, ntlmSignature...), 1, 0, 0, 0, 0x37, 0x82, 0x08, 0xe2), "H", "h.example", time.Now())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(h.challenge)
	f.Add(spnegoChallenge(h.challenge))
	f.Add(append(append([]byte{}, ntlmSignature...), bytes.Repeat([]byte{3, 0, 0, 0}, 30)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		inner, _ := findNTLM(b)
		if _, _, err := h.finish(inner, func(string, string) (string, bool) { return "secret", true }); err == nil {
			t.Error("a random message logged on")
		}
		startNTLM(inner, "H", "h.example", time.Now())
		parseRequest(b)
		s, err := newSealer(make([]byte, 16), flag128)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := unsealMessage(s, b); err == nil {
			t.Error("a random message was unsealed")
		}
	})
}
