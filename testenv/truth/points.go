package truth

import "fmt"

// Asked is the recovery point that was asked of an unplanned failover of a VM:
// how many writes it holds, and whether it was one point of several, or simply
// the newest data.
type Asked struct {
	VM    string
	Held  uint64
	Exact bool
}

// Landing is how many writes a copy held when its failover was done.
type Landing struct {
	VM   string
	Held uint64
}

// Points says where an unplanned failover gave other data than was asked for
// (I3): the newest data may have become newer meanwhile, a chosen point is that
// point and no other.
func Points(asked []Asked, landed []Landing) (broken []string) {
	for _, l := range landed {
		for _, a := range asked {
			switch {
			case a.VM != l.VM:
			case l.Held < a.Held:
				broken = append(broken, fmt.Sprintf("I3: %s was failed over to %d writes, and %d were asked for", l.VM, l.Held, a.Held))
			case a.Exact && l.Held > a.Held:
				broken = append(broken, fmt.Sprintf("I3: %s was failed over to %d writes, and an older point with %d was asked for", l.VM, l.Held, a.Held))
			}
		}
	}
	return broken
}
