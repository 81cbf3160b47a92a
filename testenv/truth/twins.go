package truth

import "fmt"

// Copy is one VM on one host as it stands before a ledger begins.
type Copy struct {
	VM, Host           string
	Running, Connected bool
	Mode, State        string
}

func (c Copy) at() string { return c.VM + "@" + c.Host }

// Twin is a copy that began to run, and to reach users, while another one of its
// VM did.
type Twin struct {
	VM, Host string // the second copy
	Beside   string // the host of the first
	Seq      uint64 // when it began
	Until    uint64 // when it ended, 0 while it lasts
}

// Twins walks the ledger for two copies of one VM that run and are connected at
// once (I1). The engine never brings that about, unless a person said that the
// other one's site is dark, which is asked of stated, and it could not be seen.
// The world may: a host that is lost when its VM is brought up elsewhere starts
// the old copy when it comes back, and nobody can keep it from that; a colleague
// can start what he likes. A host that answers when its VM is brought up
// elsewhere must not be left able to.
func Twins(start []Copy, ledger []Entry, stated func(Entry) bool) (broken []string, returned []Twin) {
	w := watch{copies: map[string]*watched{}, gone: map[string]bool{}, open: map[string]int{}, stated: stated}
	for _, c := range start {
		w.add(c)
	}
	for _, e := range ledger {
		w.see(e)
	}
	return w.broken, w.returned
}

// watched is a copy on its way through the ledger.
type watched struct {
	Copy
	// blind are the hosts that could not be seen when somebody started it last; a
	// host that starts it again after its own crash goes by that.
	blind map[string]bool
}

type watch struct {
	copies map[string]*watched
	order  []*watched
	// gone are hosts that are down or cut off, by host and reason.
	gone     map[string]bool
	open     map[string]int // by VM: the twin that lasts, its place in returned
	stated   func(Entry) bool
	broken   []string
	returned []Twin
}

func (w *watch) add(c Copy) {
	one := &watched{Copy: c, blind: map[string]bool{}}
	w.copies[c.at()] = one
	w.order = append(w.order, one)
}

func (w *watch) see(e Entry) {
	switch e.What {
	case "host":
		w.gone[e.Host+" down"] = e.To == "down"
	case "link":
		w.gone[e.Host+" cut"] = e.To == "cut"
	case "power", "network":
		c := w.copies[e.VM+"@"+e.Host]
		if c == nil {
			return // a test copy
		}
		was := c.reaches()
		if !c.follow(e) {
			return
		}
		if e.What == "power" && (e.To == "Starting" || e.To == "Running") && e.By != "host" {
			c.blind = w.unseen()
		}
		w.judge(e, c, was)
	}
}

// follow takes an entry about a copy over; it is false for one that says nothing
// of whether users reach it.
func (c *watched) follow(e Entry) bool {
	switch {
	case e.What == "power":
		c.Running = e.To == "Running" || e.To == "Stopping" // a guest that does not shut down goes on
	case hasPrefix(e.To, "failover=", "test="):
		return false
	default:
		c.Connected = e.To != ""
	}
	return true
}

func (c *watched) reaches() bool { return c.Running && c.Connected }

func (w *watch) unseen() map[string]bool {
	out := map[string]bool{}
	for _, c := range w.order {
		out[c.Host] = w.gone[c.Host+" down"] || w.gone[c.Host+" cut"]
	}
	return out
}

func (w *watch) judge(e Entry, c *watched, was bool) {
	var first *watched
	for _, o := range w.order {
		if o != c && o.VM == c.VM && o.reaches() {
			first = o
		}
	}
	at, lasts := w.open[e.VM]
	switch {
	case lasts && (first == nil || !c.reaches()):
		w.returned[at].Until = e.Seq
		delete(w.open, e.VM)
	case first == nil || was || !c.reaches():
	case e.Requested() && !(w.unseen()[first.Host] && w.stated(e)):
		w.broken = append(w.broken, fmt.Sprintf("I1: request %s lets %s run at %s beside the copy at %s", e.By, e.VM, e.Host, first.Host))
	case e.By == "host" && !first.blind[c.Host] && !c.blind[first.Host]:
		w.broken = append(w.broken, fmt.Sprintf("I1: %s starts its copy of %s by itself beside the one at %s: it answered when that one was started, and was not kept from it", e.Host, e.VM, first.Host))
	default:
		w.open[e.VM] = len(w.returned)
		w.returned = append(w.returned, Twin{VM: e.VM, Host: e.Host, Beside: first.Host, Seq: e.Seq})
	}
}
