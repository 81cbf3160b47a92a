package wsman

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/masterzen/winrm"
)

// echoProcess collects stdin and answers it at its end.
type echoProcess struct {
	mu     sync.Mutex
	in     bytes.Buffer
	out    io.Writer
	exited func(uint32)
	once   sync.Once
}

func (p *echoProcess) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.in.Write(b)
}

func (p *echoProcess) CloseStdin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Write(p.in.Bytes())
	p.once.Do(func() { p.exited(0) })
}

func (p *echoProcess) Kill() { p.once.Do(func() { p.exited(1) }) }

func start(ctx context.Context, line string, stdout, stderr io.Writer, h Handle, exited func(uint32)) Process {
	p := &echoProcess{out: stdout, exited: exited}
	// Ansible wraps every command.
	if _, code, ok := strings.Cut(line, "-EncodedCommand "); ok {
		script, _ := base64.StdEncoding.DecodeString(code)
		line = fromUTF16(script)
	}
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "hostname":
		io.WriteString(stdout, "NG-HV01\r\n")
	case "exit":
		n, _ := strconv.Atoi(rest)
		p.once.Do(func() { exited(uint32(n)) })
	case "big":
		n, _ := strconv.Atoi(rest)
		stdout.Write(bytes.Repeat([]byte("0123456789"), n/10))
	case "fail":
		io.WriteString(stderr, "no such thing\r\n")
		p.once.Do(func() { exited(7) })
	case "cat", "wait":
		return p
	case "cut":
		go h.Cut(rest == "kill")
		return p
	}
	p.succeed()
	return p
}

func (p *echoProcess) succeed() { p.once.Do(func() { p.exited(0) }) }

type site struct {
	server      *Server
	https, http int
	ca          []byte
}

func newSite(t *testing.T, o Options) *site {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "NG-HV01"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	o.HostName, o.FQDN, o.Start = "NG-HV01", "ng-hv01.northgate.example", start
	o.Users = map[string]string{"lifeboat": "Pa55 wörd"}
	s := NewServer(o)
	listen := func() (net.Listener, int) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l, l.Addr().(*net.TCPAddr).Port
	}
	secure, securePort := listen()
	open, openPort := listen()
	go s.ServeHTTPS(secure, tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key})
	go s.ServeHTTP(open)
	t.Cleanup(func() { s.Close() })
	return &site{s, securePort, openPort, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})}
}

func (x *site) client(t *testing.T, kind, password string) *winrm.Client {
	t.Helper()
	params := *winrm.DefaultParameters
	port, secure := x.https, true
	switch kind {
	case "ntlm":
		params.TransportDecorator = func() winrm.Transporter { return &winrm.ClientNTLM{} }
	case "sealed":
		port, secure = x.http, false
		params.TransportDecorator = func() winrm.Transporter {
			e, err := winrm.NewEncryption("ntlm")
			if err != nil {
				t.Error(err)
			}
			return e
		}
	}
	ep := winrm.NewEndpoint("127.0.0.1", port, secure, false, x.ca, nil, nil, 20*time.Second)
	c, err := winrm.NewClientWithParameters(ep, "lifeboat", password, &params)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestGoClients(t *testing.T) {
	x := newSite(t, Options{})
	for _, kind := range []string{"basic", "ntlm", "sealed"} {
		t.Run(kind, func(t *testing.T) {
			c := x.client(t, kind, "Pa55 wörd")
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			for _, row := range []struct {
				line, out, errs string
				code, size      int
			}{
				{line: "hostname", out: "NG-HV01\r\n"},
				{line: "exit 42", code: 42},
				{line: "fail", errs: "no such thing\r\n", code: 7},
				{line: "big 500000", size: 500000},
			} {
				// Without stdin: the sealing client cannot send and receive at once.
				var stdout, stderr bytes.Buffer
				code, err := c.RunWithContext(ctx, row.line, &stdout, &stderr)
				out, errs := stdout.String(), stderr.String()
				if err != nil || code != row.code || errs != row.errs {
					t.Fatalf("%s: code %d, stderr %q, %v", row.line, code, errs, err)
				}
				if row.size != 0 && len(out) != row.size || row.size == 0 && out != row.out {
					t.Errorf("%s: %d bytes of output", row.line, len(out))
				}
			}
			if _, err := x.client(t, kind, "wrong").RunWithContext(ctx, "hostname", io.Discard, io.Discard); err == nil {
				t.Error("a wrong password was accepted")
			}
		})
	}
	if n := x.server.Shells(""); n != 0 {
		t.Errorf("%d shells are left", n)
	}
}

func TestStdin(t *testing.T) {
	x := newSite(t, Options{})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	out, _, code, err := x.client(t, "basic", "Pa55 wörd").RunWithContextWithString(ctx, "cat", "some <input> & more")
	if err != nil || code != 0 || out != "some <input> & more" {
		t.Errorf("%q, code %d, %v", out, code, err)
	}
}
