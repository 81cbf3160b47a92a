package panel

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// stub is a source that counts how often it is asked.
type stub struct {
	asked atomic.Int32
	err   error
}

func (s *stub) Open(context.Context) ([]plans.RunStatus, error) {
	s.asked.Add(1)
	return []plans.RunStatus{waiting()}, s.err
}

func (s *stub) Of(_ context.Context, workflow, run string) ([]plans.RunStatus, error) {
	s.asked.Add(1)
	if workflow != "plan/other" || run != "r1" {
		return nil, nil
	}
	other := running()
	other.Plan = "other"
	return []plans.RunStatus{other}, nil
}

func listen(t *testing.T, certificate *tls.Certificate) *Server {
	t.Helper()
	s, err := Listen(certificate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func ask(t *testing.T, method, address string, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

func TestWhoMayRead(t *testing.T) {
	s := listen(t, nil)
	s.Show(&stub{}, "http://127.0.0.1:8233")
	page := s.URL()
	root := page[:strings.Index(page, s.token)]
	for name, c := range map[string]struct {
		method, address string
		change          func(*http.Request)
		want            int
	}{
		"the page":          {"GET", page, nil, 200},
		"head":              {"HEAD", page, nil, 200},
		"no token":          {"GET", root, nil, 404},
		"wrong token":       {"GET", root + strings.Repeat("0", 64) + "/", nil, 404},
		"half a token":      {"GET", root + s.token[:32] + "/", nil, 404},
		"token and more":    {"GET", page + "x", nil, 404},
		"writing":           {"POST", page, nil, 405},
		"deleting":          {"DELETE", page, nil, 405},
		"another host name": {"GET", page, func(r *http.Request) { r.Host = "evil.example:80" }, 421},
	} {
		t.Run(name, func(t *testing.T) {
			answer, text := ask(t, c.method, c.address, c.change)
			if answer.StatusCode != c.want {
				t.Errorf("status %d, want %d", answer.StatusCode, c.want)
			}
			if answer.StatusCode != 200 && (strings.Contains(text, "northgate") || strings.Contains(text, s.token)) {
				t.Errorf("a refusal tells: %s", text)
			}
			if answer.Header.Get("Content-Security-Policy") == "" {
				t.Error("no Content-Security-Policy")
			}
		})
	}
	if other := listen(t, nil); other.token == s.token || len(s.token) != 64 {
		t.Error("the token is not random")
	}
}

func TestHeaders(t *testing.T) {
	s := listen(t, nil)
	before, text := ask(t, "GET", s.URL(), nil)
	if policy := before.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("before the UI is known: %s", policy)
	}
	if !strings.Contains(text, "the engine is starting") {
		t.Errorf("before there is a source: %s", text)
	}
	s.Show(&stub{}, "http://127.0.0.1:8233")
	answer, _ := ask(t, "GET", s.URL(), nil)
	policy := answer.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors http://127.0.0.1:8233 http://localhost:8233", "form-action 'none'", "base-uri 'none'", "connect-src http://" + s.host + ";"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy lacks %q: %s", want, policy)
		}
	}
	for _, bad := range []string{"unsafe", "*", "data:"} {
		if strings.Contains(policy, bad) {
			t.Errorf("policy holds %q: %s", bad, policy)
		}
	}
	for header, want := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Access-Control-Allow-Origin": "", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := answer.Header.Get(header); got != want {
			t.Errorf("%s = %q, want %q", header, got, want)
		}
	}
	for origin, want := range map[string]string{"null": "null", "http://evil.example": ""} {
		answer, _ := ask(t, "GET", s.URL(), func(r *http.Request) { r.Header.Set("Origin", origin) })
		if got := answer.Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("origin %s may read: %q, want %q", origin, got, want)
		}
	}
}

// Nothing is fetched from elsewhere, and every style and script is one that the
// policy names.
func TestThePageIsSelfContained(t *testing.T) {
	text := render(t, pages()["nasty"])
	for _, bad := range []string{"src=", "href=", "@import", "//cdn", " style=", " onclick="} {
		main := text[:strings.Index(text, "<main>")] + text[strings.Index(text, "</main>"):]
		if strings.Contains(main, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if !strings.Contains(text, "<style>"+pageCSS+"</style>") || !strings.Contains(text, "<script>"+pageJS+"</script>") {
		t.Error("style or script are not the bytes whose hashes the policy names")
	}
}

func TestManyViewersAskOnce(t *testing.T) {
	s, source := listen(t, nil), &stub{}
	s.Show(source, "http://127.0.0.1:8233")
	began := time.Now()
	for range 20 {
		if _, text := ask(t, "GET", s.URL(), nil); !strings.Contains(text, "WAITING") {
			t.Fatalf("no run in %s", text)
		}
	}
	if most := 1 + int32(time.Since(began)/keep); source.asked.Load() > most {
		t.Errorf("asked %d times, want at most %d", source.asked.Load(), most)
	}
}

func TestAProblemIsShown(t *testing.T) {
	s := listen(t, nil)
	s.Show(&stub{err: errors.New("temporal <is> away")}, "http://127.0.0.1:8233")
	answer, text := ask(t, "GET", s.URL(), nil)
	if answer.StatusCode != 200 || !strings.Contains(text, "The runs cannot be read:</b> temporal &lt;is&gt; away") {
		t.Errorf("%d: %s", answer.StatusCode, text)
	}
}

func TestTheRunOfAPage(t *testing.T) {
	s := listen(t, nil)
	s.Show(&stub{}, "http://127.0.0.1:8233")
	if _, text := ask(t, "GET", s.URL()+"?workflow=plan%2Fother&run=r1", nil); !strings.Contains(text, "<bdi>other</bdi>") || strings.Contains(text, "northgate</bdi>") {
		t.Errorf("not the run of the page: %s", text)
	}
	if _, text := ask(t, "GET", s.URL()+"?workflow=vm%2F1&run=r1", nil); !strings.Contains(text, "This page is not of a plan&#39;s run") {
		t.Errorf("a page of something else: %s", text)
	}
}

// certificate is a self-signed one.
func certificate(t *testing.T, names ...string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: names, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func TestHTTPS(t *testing.T) {
	if _, err := Listen(certificate(t, "dr01.example.org")); err == nil || !strings.Contains(err.Error(), "neither localhost") {
		t.Errorf("a certificate of another name: %v", err)
	}
	s := listen(t, certificate(t, "localhost"))
	s.Show(&stub{}, "http://127.0.0.1:8233")
	if !strings.HasPrefix(s.URL(), "https://localhost:") {
		t.Fatalf("URL %s", s.URL())
	}
	answer, text := ask(t, "GET", s.URL(), nil)
	if answer.StatusCode != 200 || !strings.Contains(text, "WAITING") || !strings.Contains(answer.Header.Get("Content-Security-Policy"), "connect-src https://localhost:") {
		t.Errorf("%d %s", answer.StatusCode, answer.Header)
	}
}
