package worker

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/winrm"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Certificate is what a host's WinRM shows before anybody signs in, for a person.
type Certificate struct {
	Subject, Issuer string
	Fingerprint     string // SHA-256
	Names           []string
	Ends            time.Time
	SelfSigned      bool
	// Untrusted is why nothing vouches for it, WrongName why it is not for the
	// address; "" where all is well.
	Untrusted, WrongName string
}

// LookAtCertificate has a host show its certificate. Nothing is sent to the host.
func LookAtCertificate(ctx context.Context, host plans.Host) (Certificate, *HostCheck) {
	all, err := strangers([]plans.Host{host}, nil)
	if err != nil {
		return Certificate{}, &HostCheck{Host: host.Name, Step: "certificate", Problem: err.Error()}
	}
	c, err := all.wire(&host)
	if err != nil {
		return Certificate{}, &HostCheck{Host: host.Name, Step: "certificate", Problem: err.Error(), Remedy: "name a file in PEM form that can be read"}
	}
	shown, err := winrm.Present(ctx, c)
	if err != nil {
		e := winrm.PresentError(err)
		return Certificate{}, &HostCheck{Host: host.Name, Step: e.Step, Problem: e.Err.Error(), Remedy: e.Hint}
	}
	leaf := shown.Leaf
	out := Certificate{
		Subject: leaf.Subject.String(), Issuer: leaf.Issuer.String(), Fingerprint: inPairs(leaf.Raw), Ends: leaf.NotAfter,
		SelfSigned: leaf.Subject.String() == leaf.Issuer.String(), Names: leaf.DNSNames,
	}
	for _, ip := range leaf.IPAddresses {
		out.Names = append(out.Names, ip.String())
	}
	if shown.Untrusted != nil {
		out.Untrusted = shown.Untrusted.Error()
	}
	if shown.WrongName != nil {
		out.WrongName = shown.WrongName.Error()
	}
	return out, nil
}

// inPairs is the fingerprint, written as Windows and OpenSSL show it, in pairs.
func inPairs(raw []byte) string {
	sum := sha256.Sum256(raw)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// Met is what a host says of itself when it is first met.
type Met struct{ Name, OS string }

// Meet signs in at a host, once, and asks for its name.
func Meet(ctx context.Context, host plans.Host, typed Typed) (Met, *HostCheck) {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	met, err := meet(ctx, host, typed)
	if err != nil {
		check := unread(host, err)
		return Met{}, &check
	}
	return met, nil
}

func meet(ctx context.Context, host plans.Host, typed Typed) (Met, error) {
	all, err := strangers([]plans.Host{host}, typed)
	if err != nil {
		return Met{}, err
	}
	defer all.close(context.WithoutCancel(ctx))
	verbs, err := all.host(host.Name)
	if err != nil {
		return Met{}, err
	}
	facts, err := verbs.Facts(ctx)
	if err != nil {
		return Met{}, err
	}
	if facts.Name == "" {
		return Met{}, errors.New("the host does not tell its name")
	}
	return Met{Name: facts.Name, OS: facts.OS}, nil
}
