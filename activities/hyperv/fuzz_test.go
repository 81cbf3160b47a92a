package hyperv

import (
	"encoding/json"
	"testing"
	"time"
)

// A decoder believes an answer or refuses it, never in between: what it took
// has every word that decisions rest on.

func FuzzDecodeCopies(f *testing.F) {
	f.Add(copiesJSON("", copyJSON(vmA, "")))
	f.Add(copiesJSON(`"`+vmB+`"`, copyJSON(vmA, `"x"`)))
	f.Add([]byte(`{"utc":"2026-03-01T02:03:04Z","copies":null,"missing":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decodeCopies(data)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, copy := range c.Copies {
			if copy.Power == "" || copy.Mode == "" || copy.State == "" || seen[copy.VM] || copy.Problems == nil {
				t.Fatalf("believed: %+v", copy)
			}
			seen[copy.VM] = true
		}
		if c.UTC.IsZero() || c.UTC.Location() != time.UTC {
			t.Fatalf("utc is %v", c.UTC)
		}
		again, err := json.Marshal(c)
		if err != nil {
			return // a year beyond 9999 can be read and not written
		}
		if _, err := decodeCopies(again); err != nil {
			t.Fatalf("does not come round: %v", err)
		}
	})
}

func FuzzDecodeHost(f *testing.F) {
	f.Add([]byte(`{"name":"HV","utc":"2026-03-01T02:03:04.1234567Z","os":"","version":"","memory":1,"processors":1,"supported":["9.0"],"switches":[],"replica":{"enabled":true,"auth":"Kerberos","kerberosPort":80,"certificatePort":443,"thumbprint":"","anyServer":true,"storage":"","entries":[]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if h, err := decodeHost(data); err == nil && (h.Name == "" || h.UTC.IsZero() || h.Supported == nil || h.Switches == nil || h.Replica.Entries == nil) {
			t.Fatalf("believed: %+v", h)
		}
	})
}

func FuzzDecodePoints(f *testing.F) {
	f.Add([]byte(`{"points":[{"id":"` + vmA + `","name":"x","type":"Replica","created":"2026-03-01T02:03:04Z"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		points, err := decodePoints(data)
		if err != nil {
			return
		}
		for _, p := range points {
			if _, err := guid(p.ID); err != nil || p.Type == "" || p.Created.IsZero() {
				t.Fatalf("believed: %+v", p)
			}
		}
	})
}

func FuzzDecodeAct(f *testing.F) {
	f.Add([]byte(view))
	f.Add([]byte(`{"power":"Off","mode":"Replica","state":"x","autoStart":"Nothing"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if a, err := decodeAct(data); err == nil && (a.Power == "" || a.Mode == "" || a.State == "") {
			t.Fatalf("believed: %+v", a)
		}
	})
}

func FuzzDecodeSmall(f *testing.F) {
	f.Add([]byte(`{"ok":true}`))
	f.Add([]byte(`{"output":"x"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		link := decodeLink(data) == nil
		_, err := decodeGuest(data)
		if link && err == nil {
			t.Fatalf("%q is both answers", data)
		}
	})
}

func FuzzGUID(f *testing.F) {
	f.Add(vmA)
	f.Fuzz(func(t *testing.T, text string) {
		id, err := guid(text)
		if err != nil {
			return
		}
		if again, err := guid(id); err != nil || again != id || len(id) != 36 {
			t.Fatalf("%q became %q, then %q", text, id, again)
		}
	})
}
