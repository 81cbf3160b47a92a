package plans

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// nextTestFailover makes a test copy beside the replica, on an isolated
// network, starts it, and removes it in the end. It touches neither production
// nor replication, so the source is not asked. What is a test copy, Hyper-V
// says, never a name.
//
// Microsoft: Start-VMFailover -AsTest, Stop-VMFailover; "Types of failover
// operations in Hyper-V Replica", test failover.
func nextTestFailover(i Intent, t Copy) Decision {
	if i.UpTo == PhaseCleanUp {
		return cleanUpTest(i, t)
	}
	switch Classify(t) {
	case RReplicating, RPaused:
	case RResyncing:
		return refuse("the replica at "+t.Host+" is being resynchronized: Hyper-V refuses a test failover meanwhile", "wait until it is done")
	case RFailingOver, RFailedOver, RFailedOverOn, RFailedOverMid, RCommitted, RCommittedOn:
		return refuse("a real failover of this VM is under way at "+t.Host, "the drill leaves it alone")
	case Missing, Unprotected, UnprotectedRunning, RError, RWaits, ROn, Extended, TestCopy:
		why, remedy, _ := targetTrouble(Copy{Host: "its primary's host"}, t)
		return refuse(why, remedy)
	default:
		return refuse("the copy at "+t.Host+" is "+t.Mode+"/"+t.State+": it is no replica that can be tested", "check the direction of the drill")
	}
	if t.TestVM == "" {
		return makeTest(i, t)
	}
	return startTest(i, t)
}

// makeTest connects the future test copy to the isolated network and makes it.
func makeTest(i Intent, t Copy) Decision {
	if i.Ours {
		return refuse("the test copy at "+t.Host+" is gone: somebody removed it, or a real operation needed its place", "run the drill again")
	}
	if i.Asked {
		return wait("the test copy was asked for; waiting for " + t.Host + " to show it")
	}
	if nic, missing := adapterMissing(t.Adapters, i.NICs); missing {
		return refuse(noAdapter(t, nic))
	}
	for _, nic := range i.NICs {
		if a, _ := adapterFor(t.Adapters, nic); a.TestSwitch != nic.Switch {
			return act(PhaseReady, VerbSetTestNetwork, Target, t, "", "let test copies at "+t.Host+" use the isolated network only")
		}
	}
	return act(PhaseTest, VerbStartTest, Target, t, "", "make a test copy at "+t.Host+" of "+i.Point.words())
}

// startTest starts a test copy that is this drill's own and isolated.
func startTest(i Intent, t Copy) Decision {
	switch {
	case !i.Ours:
		return refuse("a test copy of this VM exists at "+t.Host+" already, and it is not this drill's", "if nobody needs it: Stop-VMFailover on "+t.Host+", against the replica; then run the drill again")
	case t.Test == nil || !t.Test.Exists:
		return wait("the test copy at " + t.Host + " does not tell of itself yet")
	}
	for _, a := range t.Test.Adapters {
		if a.Switch != "" && !slices.ContainsFunc(i.NICs, func(n WantedNIC) bool { return n.Switch == a.Switch }) {
			return refuse(fmt.Sprintf("the test copy at %s is connected to %q, which is not its isolated network", t.Host, a.Switch), "it is removed; look who connected it")
		}
	}
	switch {
	case isRunning(t.Test.Power):
		return finished("the test copy runs at " + t.Host + ", isolated")
	case isOff(t.Test.Power):
		return act(PhaseStart, VerbStart, Test, *t.Test, "", "start the test copy at "+t.Host)
	}
	return wait(fmt.Sprintf("the test copy at %s is %s", t.Host, t.Test.Power))
}

// cleanUpTest removes the test copy; one that was asked for may still come to be.
// Beside a failover that is pending the same cmdlet could take that one back, so it
// is left to a person then.
func cleanUpTest(i Intent, t Copy) Decision {
	if t.TestVM == "" && i.Asked {
		return wait("a test copy was asked for, and no answer came; waiting whether " + t.Host + " shows it")
	}
	if t.TestVM == "" {
		return finished("no test copy at " + t.Host + "; replication is " + t.State)
	}
	switch familyOf(Classify(t)) {
	case famReplica:
		if Classify(t) == RFailingOver {
			return wait("a real failover at " + t.Host + " is under way")
		}
		return act(PhaseCleanUp, VerbStopTest, Target, t, "", "remove the test copy at "+t.Host)
	case famFailed, famNone, famPrimary, famLoose, famStranger:
	}
	return refuse(fmt.Sprintf("a test copy is left at %s, and the replica beside it is %s/%s: removing it from here could take a real failover back", t.Host, t.Mode, t.State),
		"turn it off and remove it by hand, by its GUID: Remove-VM -VM (Get-VM -Id "+t.TestVM+")")
}

// testGate is a gate of a test copy. What is asked over the network goes through
// the gateway of its isolated network, if it has one, and never to the address
// that production may have.
func testGate(g Gate, ip string, at NetworkSite) RunGate {
	if at.TestSubnet == "" || g.TCP == nil && g.HTTP == nil {
		return gate(g, ip)
	}
	if g.TCP != nil {
		tcp := *g.TCP
		ip, tcp.Address = orWord(tcp.Address, ip), ""
		g.TCP = &tcp
	}
	shown := moveIP(ip, at.Subnet, at.TestSubnet)
	if inside(ip, at.Subnet) && (g.TCP != nil || strings.Contains(g.HTTP.URL, "{ip}")) {
		out := gate(g, shown)
		out.Via, out.Text = at.TestSubnet, out.Text+" (through the test gateway)"
		return out
	}
	return gate(g, ip)
}

func inside(ip, subnet string) bool {
	addr, err := netip.ParseAddr(ip)
	in, badSubnet := netip.ParsePrefix(subnet)
	return err == nil && badSubnet == nil && in.Contains(addr)
}
