package hypervisor

import (
	"context"
	"fmt"
)

// What a cluster does to a VM between two looks. The lab plays the nodes of a
// cluster as hosts of one site, and has no broker: whoever replicates to a VM that
// was moved is led to its new node, as the broker would.

// MoveVM moves a VM that is off to another host of the site, as a live migration
// of a replica does.
//
// Microsoft: Move-ClusterVirtualMachineRole; "Hyper-V Replica Broker".
func (h *Host) MoveVM(_ context.Context, by Caller, id, to string) error {
	target := h.farm.Host(to)
	return h.change(id, "be moved", func(c *copyState) error {
		switch {
		case target == nil || target == h || target.env.Site != h.env.Site:
			return refuse("ObjectNotFound", "ObjectNotFound", fmt.Sprintf("'%s' is no other node at site %s.", to, h.env.Site))
		case !target.up || c.power != off || target.byID[c.id] != nil:
			return invalidState(c, "be moved")
		}
		if o := c.other(); o != nil && o.partner == h {
			o.partner = target
		}
		h.farm.leadTo(h, target, c.id)
		h.farm.roleFollows(h, target, c.id)
		h.drop(c)
		c.host = target
		target.add(c)
		h.farm.write(target.env.Name, c.id, "vm", h.env.Name, "moved", by.By)
		return nil
	})
}

// leadTo lets the second relationship of a chain follow its third copy.
func (f *Farm) leadTo(from, to *Host, id string) {
	for _, h := range f.hosts {
		if c := h.byID[id]; c != nil && c.extended != nil && c.extended.to == from {
			c.extended.to = to
		}
	}
}

// LoseCertificate takes the replication certificate out of a host's store;
// GainCertificate imports it again.
func (f *Farm) LoseCertificate(name, by string) bool { return f.setCertificate(name, "", by) }

// GainCertificate imports the host's own certificate.
func (f *Farm) GainCertificate(name, by string) bool {
	h := f.Host(name)
	return h != nil && f.setCertificate(name, h.replica.Thumbprint, by)
}

func (f *Farm) setCertificate(name, thumbprint, by string) bool {
	h := f.Host(name)
	if h == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.write(name, "", "certificate", h.certificate, thumbprint, by)
	h.certificate = thumbprint
	return true
}
