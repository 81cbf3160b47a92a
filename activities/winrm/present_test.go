package winrm

import (
	"context"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
)

// What a host shows is trusted by nobody but an authority that was named, and for no
// other name; looking sends nothing.
func TestPresentTrustsNothing(t *testing.T) {
	asked := false
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer server.Close()
	address, digits, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	port, _ := strconv.Atoi(digits)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for name, c := range map[string]struct {
		ca               []byte
		is               string
		untrusted, wrong bool
	}{
		"nobody vouches":  {nil, "", true, false},
		"another name":    {authority, "other.example", false, true},
		"neither":         {nil, "other.example", true, true},
		"its own address": {authority, "", false, false},
		"its name":        {authority, "example.com", false, false},
	} {
		shown, err := Present(context.Background(), Config{Address: address, Port: port, CA: c.ca, ServerName: c.is})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if (shown.Untrusted != nil) != c.untrusted || (shown.WrongName != nil) != c.wrong {
			t.Errorf("%s: untrusted %v, wrong name %v", name, shown.Untrusted, shown.WrongName)
		}
	}
	if asked {
		t.Error("something was sent to the host")
	}
}

func TestPresentSaysWhereItStopped(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	address, digits, _ := net.SplitHostPort(plain.Listener.Addr().String())
	port, _ := strconv.Atoi(digits)
	_, err := Present(context.Background(), Config{Address: address, Port: port})
	if e := PresentError(err); err == nil || e.Step != "certificate" {
		t.Errorf("a port without TLS: %v", e)
	}
	plain.Close()
	_, err = Present(context.Background(), Config{Address: address, Port: port})
	if e := PresentError(err); err == nil || e.Step != "reach" {
		t.Errorf("a closed port: %v", e)
	}
}
