package winrm

import (
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/lab"
)

// TestAgainstLab carries the real library over the simulated wire: NTLM sealed
// over http and NTLM over https, with another implementation of both ends.
func TestAgainstLab(t *testing.T) {
	env, err := environment.Load("pair")
	require.NoError(t, err)
	l, err := lab.Start(lab.Options{Environment: env, Seed: 1, Speed: 1, Control: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	at := l.Hosts()[0]
	for _, c := range []struct {
		address  string
		https    bool
		auth     string
		password string
		reason   string
	}{
		{at.HTTP, false, "ntlm", l.Password(), ""},
		{at.HTTPS, true, "ntlm", l.Password(), ""},
		{at.HTTPS, true, "basic", l.Password(), ""},
		{at.HTTP, false, "ntlm", "wrong", "denied"},
		{at.HTTPS, true, "basic", "wrong", "denied"},
	} {
		address, port, err := net.SplitHostPort(c.address)
		require.NoError(t, err)
		number, _ := strconv.Atoi(port)
		h, err := New(Config{Host: at.Name, Address: address, Port: number, HTTPS: c.https, ServerName: at.Name, CA: l.Authority(),
			User: lab.User, Password: Secret(c.password), Auth: c.auth, Library: hyperv.Library()})
		require.NoError(t, err)
		answer, err := h.Run(t.Context(), hyperv.Call{Function: "Get-LifeboatHost", Timeout: 20 * time.Second})
		if c.reason != "" {
			var unsent *hyperv.NotSentError
			require.ErrorAs(t, err, &unsent)
			require.Equal(t, c.reason, unsent.Reason)
		} else {
			require.NoError(t, err)
			require.Equal(t, hyperv.OutcomeDone, answer.Outcome)
			require.True(t, json.Valid(answer.Result))
		}
		require.NoError(t, h.Close(t.Context()))
	}
}

// parting is a transport that gives its connection up after an answer, some times.
type parting struct {
	*http.Transport
	after map[int]bool
	seen  int
}

func (p *parting) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := p.Transport.RoundTrip(r)
	if p.seen++; p.after[p.seen] || p.after[0] {
		p.CloseIdleConnections()
	}
	return answer, err
}

// A connection that is replaced in the middle of a handshake, or between it and the
// message, shakes hands anew: nobody refused the account. One that is always replaced
// is a lost connection, and the message was not sent.
func TestAReplacedConnectionIsNoRefusal(t *testing.T) {
	env, err := environment.Load("pair")
	require.NoError(t, err)
	l, err := lab.Start(lab.Options{Environment: env, Seed: 1, Speed: 1, Control: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	for _, https := range []bool{true, false} {
		at := l.Hosts()[0].HTTP
		if https {
			at = l.Hosts()[0].HTTPS
		}
		address, port, err := net.SplitHostPort(at)
		require.NoError(t, err)
		number, _ := strconv.Atoi(port)
		for name, c := range map[string]struct {
			after map[int]bool
			moved bool
		}{
			"between its halves": {map[int]bool{1: true}, false}, "after it": {map[int]bool{2: true}, false},
			"twice": {map[int]bool{1: true, 4: true}, false}, "always": {map[int]bool{0: true}, true},
		} {
			config := Config{Host: l.Hosts()[0].Name, Address: address, Port: number, HTTPS: https, ServerName: l.Hosts()[0].Name, CA: l.Authority(),
				User: lab.User, Password: Secret(l.Password()), Auth: "ntlm"}
			both, err := newWires(&config, usual, &counters{})
			require.NoError(t, err)
			real := both.control.client.Transport.(*http.Transport)
			both.control.client.Transport = &parting{Transport: real, after: c.after}
			_, err = both.control.post(t.Context(), (&shell{wires: both}).createMessage(), 20*time.Second)
			if c.moved {
				require.ErrorIs(t, err, errMoved, name)
				require.NotErrorIs(t, err, errDenied, name)
				require.False(t, wroteOf(err), name)
			} else {
				require.NoError(t, err, name)
			}
			both.close()
			real.CloseIdleConnections()
		}
	}
}
