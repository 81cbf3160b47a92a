package worker

import (
	"context"
	"net"
	"time"
)

// dialLimit bounds one attempt of a gate to connect.
const dialLimit = 5 * time.Second

// dialer connects gates to guests. In a lab, a plan's address is mapped to the
// loopback one at which the simulated guest listens; an address the lab does
// not know is not dialled, so that nothing leaves this machine.
func dialer(cfg *Configuration) func(ctx context.Context, address string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: dialLimit}
	if cfg.Lab == nil {
		return func(ctx context.Context, address string) (net.Conn, error) {
			return plain.DialContext(ctx, "tcp", address)
		}
	}
	mapped := make(map[string]string, len(cfg.Lab.Addresses))
	for _, a := range cfg.Lab.Addresses {
		mapped[a.From] = a.To
	}
	return func(ctx context.Context, address string) (net.Conn, error) {
		to, ok := mapped[address]
		if !ok {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.AddrError{Err: "the lab has no guest at this address", Addr: address}}
		}
		return plain.DialContext(ctx, "tcp", to)
	}
}
