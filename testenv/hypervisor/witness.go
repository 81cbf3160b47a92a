package hypervisor

import (
	"net"
	"strconv"
)

// bmcPort is where a host's management controller answers.
const bmcPort = 443

// witness is something at a site that answers while the site has power and a
// line: a host's management controller, a switch, the provider's router. Whoever
// cannot reach a site can ask it what became of the site.
type witness struct {
	site     *site
	host     *Host // whose management controller it is
	outside  bool
	to       string
	listener net.Listener
}

// chooseWitnesses finds a loopback port for every witness.
func (f *Farm) chooseWitnesses(next *int) error {
	add := func(w *witness, address string, port int) error {
		to, err := freePort(next)
		if err != nil {
			return err
		}
		w.to = to
		f.ports = append(f.ports, Address{From: net.JoinHostPort(address, strconv.Itoa(port)), To: to})
		f.witnesses = append(f.witnesses, w)
		return nil
	}
	for _, s := range f.env.Sites {
		for _, w := range s.Witnesses {
			if err := add(&witness{site: f.site(s.Name), outside: w.Outside}, w.Address, w.Port); err != nil {
				return err
			}
		}
	}
	for _, h := range f.hosts {
		if h.env.BMC == "" {
			continue
		}
		if err := add(&witness{site: f.site(h.env.Site), host: h}, h.env.BMC, bmcPort); err != nil {
			return err
		}
	}
	return nil
}

// answers tells whether the witness can be reached now. A host that alone is
// cut off has lost its own cable, not that of its management controller.
func (w *witness) answers() bool {
	powered := w.outside || w.site.power && (w.host == nil || w.host.up)
	return powered && w.site.linked
}

// followWitnesses opens and closes the witnesses' ports with their sites.
func (f *Farm) followWitnesses() {
	for _, w := range f.witnesses {
		open := w.answers() && !f.closed
		switch {
		case open && w.listener == nil:
			if l, err := net.Listen("tcp", w.to); err == nil {
				w.listener = l
				go hangUp(l)
			}
		case !open && w.listener != nil:
			_ = w.listener.Close()
			w.listener = nil
		}
	}
}

// hangUp accepts and closes until the listener ends.
func hangUp(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_ = conn.Close()
	}
}
