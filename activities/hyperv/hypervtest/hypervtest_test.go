package hypervtest_test

import (
	"context"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/activities/hyperv/hypervtest"
	"github.com/lifeboat-dr/lifeboat/activities/winrm"
	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/lab"
)

// closing is enough for a session to say goodbye.
const closing = 10 * time.Second

// TestSimulatedHosts asks the lab, over its real wire, about a VM's primary and
// about its replica.
func TestSimulatedHosts(t *testing.T) {
	env, err := environment.Load("pair")
	require.NoError(t, err)
	l, err := lab.Start(lab.Options{Environment: env, Seed: 1, Speed: 1, Control: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(l.Close)
	vm := l.Farm().VMID(0)
	for _, at := range l.Hosts() {
		t.Run(at.Name, func(t *testing.T) {
			hypervtest.Run(t, func() hyperv.Runner {
				return dial(t, at.HTTPS, winrm.Config{
					Host: at.Name, HTTPS: true, ServerName: at.Name, CA: l.Authority(),
					User: lab.User, Password: winrm.Secret(l.Password()), Auth: "ntlm",
				})
			}, vm)
		})
	}
}

// TestRealHost asks a Hyper-V host that the environment names:
// HYPERV_TEST_HOST (host:port of its HTTPS listener), HYPERV_TEST_USER,
// HYPERV_TEST_PASSWORD, HYPERV_TEST_VM (the id of an idle VM), and
// HYPERV_TEST_CA (a PEM file) unless the system trusts its certificate.
func TestRealHost(t *testing.T) {
	address := os.Getenv("HYPERV_TEST_HOST")
	if address == "" {
		t.Skip("set HYPERV_TEST_HOST, _USER, _PASSWORD and _VM to ask a real host")
	}
	var ca []byte
	if name := os.Getenv("HYPERV_TEST_CA"); name != "" {
		var err error
		ca, err = os.ReadFile(name)
		require.NoError(t, err)
	}
	hypervtest.Run(t, func() hyperv.Runner {
		return dial(t, address, winrm.Config{
			Host: "host under test", HTTPS: true, CA: ca, Auth: "ntlm",
			User: os.Getenv("HYPERV_TEST_USER"), Password: winrm.Secret(os.Getenv("HYPERV_TEST_PASSWORD")),
		})
	}, os.Getenv("HYPERV_TEST_VM"))
}

func dial(t *testing.T, address string, c winrm.Config) hyperv.Runner {
	t.Helper()
	name, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	c.Address, c.Library = name, hyperv.Library()
	c.Port, err = strconv.Atoi(port)
	require.NoError(t, err)
	h, err := winrm.New(c)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), closing)
		defer cancel()
		require.NoError(t, h.Close(ctx))
	})
	return h
}
