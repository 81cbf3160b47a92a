package winrm

import (
	"encoding/json"
	"net"
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
