package winrm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strconv"
)

// Presented is the certificate that a host shows before anybody signs in there.
type Presented struct {
	Leaf *x509.Certificate
	// Untrusted is why nothing vouches for it, WrongName why it is not for the name
	// that was asked for; nil where all is well.
	Untrusted, WrongName error
}

// Present has a host show its certificate and hangs up. Nothing is sent there, so
// that a person can look before a password goes to anybody. The error is that there
// is no such answer.
func Present(ctx context.Context, c Config) (Presented, error) {
	ctx, cancel := context.WithTimeout(ctx, usual.dial)
	defer cancel()
	transport, err := newTransport(&c, usual)
	if err != nil {
		return Presented{}, err
	}
	roots := transport.TLSClientConfig.RootCAs
	// Looking is not trusting: what is shown is judged below, for a person to see.
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, ServerName: c.ServerName}}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(c.Address, strconv.Itoa(c.Port)))
	if err != nil {
		return Presented{}, err
	}
	defer func() { _ = conn.Close() }()
	secure, ok := conn.(*tls.Conn)
	if !ok || len(secure.ConnectionState().PeerCertificates) == 0 {
		return Presented{}, errors.New("it shows no certificate")
	}
	shown := secure.ConnectionState().PeerCertificates
	return judged(shown[0], shown[1:], roots, c.nameThere()), nil
}

// nameThere is the name that a host's certificate must be for.
func (c *Config) nameThere() string {
	if c.ServerName != "" {
		return c.ServerName
	}
	return c.Address
}

func judged(leaf *x509.Certificate, rest []*x509.Certificate, roots *x509.CertPool, name string) Presented {
	between := x509.NewCertPool()
	for _, one := range rest {
		between.AddCert(one)
	}
	p := Presented{Leaf: leaf, WrongName: leaf.VerifyHostname(name)}
	_, p.Untrusted = leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	return p
}

// PresentError says of an error of Present at which step it was, and what to do.
func PresentError(err error) *ProbeError {
	p := &ProbeError{Step: "reach", Err: err, Hint: hints["unreachable"]}
	if reasonOf(err) == "certificate" {
		p.Step, p.Hint = "certificate", "this port does not speak TLS: name the port of WinRM's HTTPS listener (winrm enumerate winrm/config/listener), or make one (winrm quickconfig -transport:https)"
	}
	return p
}
