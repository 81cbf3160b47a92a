package worker

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// ReadCertificates asks every host of a configuration for its certificates and for
// what uses them, all at once. It changes nothing and needs no engine.
func ReadCertificates(ctx context.Context, cfg *Configuration) plans.CertificateReport {
	all := newHosts(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
	defer all.close(context.WithoutCancel(ctx))
	looks := make([]plans.CertificateLook, len(cfg.Hosts))
	var running sync.WaitGroup
	for i := range cfg.Hosts {
		looks[i] = plans.CertificateLookOf(cfg.Config, &cfg.Hosts[i])
		running.Go(func() { all.certificates(ctx, &looks[i]) })
	}
	running.Wait()
	return plans.Certificates(looks, time.Now())
}

func (h *hosts) certificates(ctx context.Context, look *plans.CertificateLook) {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	session, err := h.session(look.Host)
	if err != nil {
		look.Error = err.Error()
		return
	}
	host := hyperv.New(session)
	facts, err := host.Facts(ctx)
	look.Connection = session.Stats().CertificateEnds
	if err != nil {
		look.Error = err.Error()
		var bad x509.CertificateInvalidError
		if errors.As(err, &bad) && bad.Reason == x509.Expired {
			look.Connection = bad.Cert.NotAfter
		}
		return
	}
	if facts.Replica.Enabled && strings.Contains(facts.Replica.Auth, "Certificate") {
		look.Server = facts.Replica.Thumbprint
	}
	copies, err := host.Copies(ctx, nil)
	if err != nil {
		look.Error = err.Error()
		return
	}
	look.VMs = map[string]int{}
	for _, c := range copies.Copies {
		for _, r := range c.Relations {
			if r.Auth == "Certificate" && r.Thumbprint != "" {
				look.VMs[r.Thumbprint]++
			}
		}
	}
	store := activities.LookAtStores(ctx, h.host, look.Host, nil)
	look.Clock, look.Store, look.StoreError = store.Clock, store.Certificates, store.Error
	for _, p := range store.Problems {
		if strings.HasPrefix(p, "Get-ChildItem:") {
			look.StoreError = p
		}
	}
}
