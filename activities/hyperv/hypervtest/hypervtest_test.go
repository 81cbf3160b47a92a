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
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/lab"
)

// closing is enough for a session to say goodbye.
const closing = 10 * time.Second

// TestSimulatedHosts asks the lab, over its real wire, about a VM's primary and
// about its replica.
func TestSimulatedHosts(t *testing.T) {
	l := startPair(t)
	for _, at := range l.Hosts() {
		t.Run(at.Name, func(t *testing.T) {
			hypervtest.Run(t, func() hyperv.Runner { return dialLab(t, l, at) }, l.Farm().VMID(0))
		})
	}
}

// A simulated host that cannot say something of one VM says the rest, and what
// it does not say is named: never "not set" for "not told".
func TestOneBrokenVMHidesNoOther(t *testing.T) {
	l := startPair(t)
	at := l.Hosts()[1]
	h := hyperv.New(dialLab(t, l, at))
	broken, whole := l.Farm().VMID(0), l.Farm().VMID(1)
	for _, cmdlet := range []string{"Get-VMReplication", "Measure-VMReplication", "Get-VMNetworkAdapter", "Get-VMNetworkAdapterFailoverConfiguration"} {
		t.Run(cmdlet, func(t *testing.T) {
			fault, err := l.Farm().AddFault(hypervisor.Fault{Host: at.Name, Verb: cmdlet, VM: broken, Kind: "refuse"})
			require.NoError(t, err)
			defer func() { require.True(t, l.Farm().RemoveFault(fault)) }()

			all, err := h.Copies(t.Context(), nil)
			require.NoError(t, err)
			require.Len(t, all.Copies, 3)
			for _, c := range all.Copies {
				if c.VM != broken {
					require.Empty(t, c.Problems)
					require.Len(t, c.Relations, 1)
					require.NotNil(t, c.PendingBytes)
					require.Len(t, c.Adapters, 1)
					continue
				}
				require.Len(t, c.Problems, 1)
				require.Contains(t, c.Problems[0], cmdlet+": OperationFailed")
				require.Equal(t, "Replica", c.Mode)
				require.Equal(t, cmdlet == "Get-VMReplication", len(c.Relations) == 0)
				require.Equal(t, cmdlet == "Measure-VMReplication", c.PendingBytes == nil)
				for _, r := range c.Relations {
					require.Equal(t, cmdlet == "Measure-VMReplication", r.PendingBytes == nil)
				}
				require.Equal(t, cmdlet == "Get-VMNetworkAdapter", len(c.Adapters) == 0)
			}
			_, err = h.Copies(t.Context(), []string{broken})
			if cmdlet == "Get-VMReplication" {
				require.ErrorContains(t, err, cmdlet)
			} else {
				require.NoError(t, err)
			}
			_, err = h.Copies(t.Context(), []string{whole})
			require.NoError(t, err)
		})
	}
}

// A new failover address leaves nothing of the old one behind.
func TestAnAddressIsSetWholeAndCleared(t *testing.T) {
	l := startPair(t)
	h := hyperv.New(dialLab(t, l, l.Hosts()[1]))
	vm := l.Farm().VMID(0)
	set := func(nic hyperv.NIC) hyperv.Adapter {
		t.Helper()
		c, err := h.Copies(t.Context(), []string{vm})
		require.NoError(t, err)
		expect := hyperv.Expect{Power: c.Copies[0].Power, Mode: c.Copies[0].Mode, State: c.Copies[0].State}
		nic.Switch = "vSwitch-B"
		r, err := h.SetNetwork(t.Context(), vm, expect, time.Minute, []hyperv.NIC{nic})
		require.NoError(t, err)
		require.Equal(t, hyperv.OutcomeDone, r.Outcome)
		after, err := h.Copies(t.Context(), []string{vm})
		require.NoError(t, err)
		require.Equal(t, r.Adapters, after.Copies[0].Adapters)
		return r.Adapters[0]
	}
	full := hyperv.NIC{Inject: true, IP: "10.2.0.20", Mask: "255.255.255.0", Gateway: "10.2.0.1", DNS: []string{"10.2.0.2", "10.2.0.3"}}
	a := set(full)
	require.Equal(t, []string{"10.2.0.20", "255.255.255.0", "10.2.0.1", "10.2.0.2", "10.2.0.3"},
		append([]string{a.FailoverIP, a.FailoverMask, a.FailoverGateway}, a.FailoverDNS...))
	require.Equal(t, a, set(full), "the same again")
	for _, nic := range []hyperv.NIC{
		{Inject: true, IP: "10.2.0.21", Mask: "255.255.0.0", Gateway: "10.2.0.1", DNS: []string{"10.2.0.2"}},
		{Inject: true, IP: "10.2.0.21", Mask: "255.255.0.0", Gateway: "10.2.0.1"},
		{Inject: true, IP: "10.2.0.22", Mask: "255.255.0.0"},
		{},
	} {
		set(full)
		got := set(nic)
		require.Equal(t, append([]string{nic.IP, nic.Mask, nic.Gateway}, nic.DNS...),
			append([]string{got.FailoverIP, got.FailoverMask, got.FailoverGateway}, got.FailoverDNS...))
	}
}

func startPair(t *testing.T) *lab.Lab {
	t.Helper()
	env, err := environment.Load("pair")
	require.NoError(t, err)
	l, err := lab.Start(lab.Options{Environment: env, Seed: 1, Speed: 1, Control: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return l
}

func dialLab(t *testing.T, l *lab.Lab, at lab.Host) hyperv.Runner {
	t.Helper()
	return dial(t, at.HTTPS, winrm.Config{
		Host: at.Name, HTTPS: true, ServerName: at.Name, CA: l.Authority(),
		User: lab.User, Password: winrm.Secret(l.Password()), Auth: "ntlm",
	})
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
