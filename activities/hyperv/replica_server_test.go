package hyperv

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// server is a Runner that plays a host's replica server.
type server struct {
	facts   ReplicaFacts
	deaf    bool // changes are answered and not made
	changes []Call
}

func (s *server) Host() string { return "hv-b1" }

func (s *server) Run(_ context.Context, call Call) (Answer, error) {
	if call.Lane == ActLane {
		s.changes = append(s.changes, call)
		if err := s.change(call); err != nil {
			return Answer{}, err
		}
	}
	result, err := json.Marshal(s.facts)
	return Answer{Outcome: OutcomeDone, Result: result}, err
}

func (s *server) change(call Call) error {
	text, err := json.Marshal(call.Args)
	if err != nil || s.deaf {
		return err
	}
	var args struct{ Primary, Storage, TrustGroup, Auth, Thumbprint string }
	if err := json.Unmarshal(text, &args); err != nil {
		return err
	}
	switch call.Function {
	case "Add-LifeboatPrimary":
		s.facts.Entries = append(s.facts.Entries, EntryFacts{args.Primary, args.Storage, args.TrustGroup})
	case "Remove-LifeboatPrimary":
		s.facts.Entries = s.facts.Entries[:0]
	case "Set-LifeboatReplicaServer":
		s.facts.Enabled, s.facts.Auth = true, args.Auth
		if args.Thumbprint != "" {
			s.facts.Thumbprint = args.Thumbprint
		}
		if args.Storage != "" {
			s.facts.Storage = args.Storage
		}
	}
	return nil
}

func withEntries(entries ...EntryFacts) ReplicaFacts {
	return ReplicaFacts{Enabled: true, Auth: "Kerberos", Entries: append([]EntryFacts{}, entries...)}
}

func TestAnEntryIsMadeOnlyWhereNoneFits(t *testing.T) {
	for name, c := range map[string]struct {
		facts ReplicaFacts
		acts  bool
		bad   string
	}{
		"any server":          {ReplicaFacts{Enabled: true, Auth: "Kerberos", AnyServer: true, Entries: []EntryFacts{}}, false, ""},
		"the same":            {withEntries(EntryFacts{"HV-A1.x.example", `D:\`, "dr"}), false, ""},
		"its domain":          {withEntries(EntryFacts{"*.X.example", `D:\`, "DR"}), false, ""},
		"everybody":           {withEntries(EntryFacts{"*", `D:\`, "dr"}), false, ""},
		"none":                {withEntries(), true, ""},
		"another":             {withEntries(EntryFacts{"hv-a2.x.example", `D:\`, "dr"}), true, ""},
		"a domain above":      {withEntries(EntryFacts{"*.example", `D:\`, "dr"}), true, ""},
		"domain, not group":   {withEntries(EntryFacts{"*.x.example", `D:\`, "other"}), true, ""},
		"the same, not group": {withEntries(EntryFacts{"hv-a1.x.example", `D:\`, "other"}), false, "trust group"},
	} {
		s := &server{facts: c.facts}
		facts, err := New(s).Authorize(t.Context(), "hv-a1.x.example", `D:\Replicas`, "dr")
		require.Equal(t, c.acts, len(s.changes) == 1, name)
		if c.bad != "" {
			require.ErrorContains(t, err, c.bad, name)
			require.ErrorIs(t, err, ErrInvalid, name)
			continue
		}
		require.NoError(t, err, name)
		require.True(t, facts.admits("hv-a1.x.example", "dr"), name)
		for _, call := range s.changes {
			require.Equal(t, "Add-LifeboatPrimary", call.Function)
			require.Equal(t, ActLane, call.Lane)
			require.Nil(t, call.Guard)
		}
		_, err = New(s).Authorize(t.Context(), "hv-a1.x.example", `D:\Replicas`, "dr")
		require.NoError(t, err, name)
		require.Equal(t, c.acts, len(s.changes) == 1, "%s: again", name)
	}
}

func TestAnEntryGoesOnceByItsOwnName(t *testing.T) {
	s := &server{facts: withEntries(EntryFacts{"*.x.example", `D:\`, "dr"})}
	_, err := New(s).Unauthorize(t.Context(), "hv-a1.x.example")
	require.NoError(t, err)
	require.Empty(t, s.changes, "the domain's entry is not this server's")
	for range 2 {
		facts, err := New(s).Unauthorize(t.Context(), "*.X.EXAMPLE")
		require.NoError(t, err)
		require.Empty(t, facts.Entries)
	}
	require.Len(t, s.changes, 1)
}

func TestAReplicaServerIsOpenedAndNothingIsClosed(t *testing.T) {
	for name, c := range map[string]struct {
		before     ReplicaFacts
		auth       string
		thumbprint string
		storage    string
		sent       string // what is sent, "" nothing
	}{
		"off":        {ReplicaFacts{Entries: []EntryFacts{}}, "Kerberos", "", `D:\R`, `{"Auth":"Kerberos","Thumbprint":"","Storage":"D:\\R"}`},
		"as it is":   {withEntries(), "Kerberos", "", "", ""},
		"another":    {withEntries(), "Certificate", "AB", "", `{"Auth":"CertificateAndKerberos","Thumbprint":"AB","Storage":""}`},
		"both":       {ReplicaFacts{Enabled: true, Auth: "CertificateAndKerberos", Thumbprint: "ab", Entries: []EntryFacts{}}, "Certificate", "AB", "", ""},
		"renewed":    {ReplicaFacts{Enabled: true, Auth: "Certificate", Thumbprint: "AA", Entries: []EntryFacts{}}, "Certificate", "AB", "", `{"Auth":"Certificate","Thumbprint":"AB","Storage":""}`},
		"new volume": {withEntries(), "Kerberos", "", `E:\R`, `{"Auth":"Kerberos","Thumbprint":"","Storage":"E:\\R"}`},
	} {
		s := &server{facts: c.before}
		for range 2 {
			facts, err := New(s).EnableReplicaServer(t.Context(), c.auth, c.thumbprint, c.storage)
			require.NoError(t, err, name)
			require.True(t, facts.Enabled, name)
		}
		if c.sent == "" {
			require.Empty(t, s.changes, name)
			continue
		}
		require.Len(t, s.changes, 1, name)
		sent, err := json.Marshal(s.changes[0].Args)
		require.NoError(t, err)
		require.JSONEq(t, c.sent, string(sent), name)
	}
}

func TestAChangeOfAHostIsReadBack(t *testing.T) {
	deaf := func() *Host { return New(&server{facts: withEntries(EntryFacts{"b", `D:\`, "dr"}), deaf: true}) }
	for name, do := range map[string]func(*Host) error{
		"authorize":   func(h *Host) error { _, err := h.Authorize(t.Context(), "a", `D:\`, "dr"); return err },
		"unauthorize": func(h *Host) error { _, err := h.Unauthorize(t.Context(), "b"); return err },
		"enable":      func(h *Host) error { _, err := h.EnableReplicaServer(t.Context(), "Certificate", "AB", ""); return err },
	} {
		err := do(deaf())
		var e *Error
		require.ErrorAs(t, err, &e, name)
		require.ErrorIs(t, err, ErrAnswer, name)
		require.True(t, e.Acted, name)
	}
}

func TestAHostIsNotChangedByHalf(t *testing.T) {
	for name, do := range map[string]func(*Host) error{
		"no primary":    func(h *Host) error { _, err := h.Authorize(t.Context(), "", `D:\`, "dr"); return err },
		"no storage":    func(h *Host) error { _, err := h.Authorize(t.Context(), "a", "", "dr"); return err },
		"no group":      func(h *Host) error { _, err := h.Authorize(t.Context(), "a", `D:\`, ""); return err },
		"nobody":        func(h *Host) error { _, err := h.Unauthorize(t.Context(), ""); return err },
		"auth":          func(h *Host) error { _, err := h.EnableReplicaServer(t.Context(), "Basic", "", ""); return err },
		"no thumbprint": func(h *Host) error { _, err := h.EnableReplicaServer(t.Context(), "Certificate", "", ""); return err },
	} {
		s := &server{facts: withEntries()}
		require.Error(t, do(New(s)), name)
		require.Empty(t, s.changes, name)
	}
}

// A wildcard stands for one label: that it stands for several is not documented, so
// such an entry is named and not relied on.
func TestAWildcardDoesNotStandForSeveralLabels(t *testing.T) {
	for _, c := range []struct {
		entries     []string
		name, entry string
		fits        bool
	}{
		{[]string{"*.example"}, "hv1.branch.example", "*.example", false},
		{[]string{"*.Branch.example"}, "HV1.branch.example", "*.Branch.example", true},
		{[]string{"*.example", "*.branch.example"}, "hv1.branch.example", "*.branch.example", true},
		{[]string{"*", "*.example", "hv1.example"}, "hv1.example", "hv1.example", true},
		{[]string{"*"}, "hv1.branch.example", "*", true},
		{[]string{"*ple"}, "hv1.example", "", false},
		{[]string{"*.ample"}, "hv1.example", "", false},
		{[]string{"*.example"}, "hv1", "", false},
	} {
		var f ReplicaFacts
		for _, e := range c.entries {
			f.Entries = append(f.Entries, EntryFacts{Primary: e})
		}
		entry, fits := f.EntryFor(c.name)
		require.Equal(t, c.entry, entry, c.name)
		require.Equal(t, c.fits, fits, "%v and %s", c.entries, c.name)
		require.Equal(t, c.fits, f.admits(c.name, ""), "%v and %s", c.entries, c.name)
	}
}
