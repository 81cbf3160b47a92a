package truth

import "fmt"

// Drill says what a test failover did to production or to replication (I6). run
// is the ledger of the drill, production are the VMs that are no test copies.
// Of a replica only the switch of its test copies may be set.
func Drill(run []Entry, production func(vm string) bool) (broken []string) {
	for _, e := range run {
		if !e.Requested() || !production(e.VM) {
			continue
		}
		switch {
		case e.What == "test", e.What == "network" && hasPrefix(e.To, "test="):
		case e.What != "call":
			broken = append(broken, fmt.Sprintf("I6: a test failover changed %s of %s at %s: %s to %s (%s)", e.What, e.VM, e.Host, e.From, e.To, e.By))
		case !e.Done(), e.From == "Start-VMFailover", e.From == "Stop-VMFailover", e.From == "Set-VMNetworkAdapter":
		default:
			broken = append(broken, fmt.Sprintf("I6: a test failover did %s to %s at %s (%s)", e.From, e.VM, e.Host, e.By))
		}
	}
	return broken
}

// Watch says what the watch on a lost site did elsewhere than there, or where the
// old copy was still the only one (I1). over is true for a VM that had been taken
// over when the watch began.
func Watch(run []Entry, lost func(host string) bool, over func(vm string) bool) (broken []string) {
	for _, e := range run {
		switch {
		case !e.Requested() || !e.Done():
		case !lost(e.Host):
			broken = append(broken, fmt.Sprintf("I1: the watch did %s to the good copy of %s at %s (%s)", e.From, e.VM, e.Host, e.By))
		case !over(e.VM):
			broken = append(broken, fmt.Sprintf("I1: the watch did %s to %s at %s, and no other copy had taken over (%s)", e.From, e.VM, e.Host, e.By))
		}
	}
	return broken
}
