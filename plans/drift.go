package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Drift is one setting of a leg that differs from the configuration.
type Drift struct {
	VM    string `json:"vm"`
	Label string `json:"label"`
	Leg   Leg    `json:"leg"`
	// Field is the configuration's word, or partner for the other host.
	Field  string `json:"field"`
	Is     string `json:"is"`
	Should string `json:"should"`
	// Manual says why no repair sets it, "" for what one may; Loses what setting it
	// costs, "" for nothing.
	Manual string `json:"manual,omitempty"`
	Loses  string `json:"loses,omitempty"`
}

// drifts gathers what differs of one leg.
type drifts struct {
	l   WatchedLeg
	all []Drift
}

// differs adds a field, if it does, and returns it.
func (d *drifts) differs(field, is, should string) *Drift {
	if is == should {
		return &Drift{} // nobody keeps it
	}
	d.all = append(d.all, Drift{VM: d.l.VM, Label: d.l.Label, Leg: d.l.Leg, Field: field, Is: is, Should: should})
	return &d.all[len(d.all)-1]
}

// DriftOf compares what the sending copy's host tells of a leg with the
// configuration. What the configuration does not say is not compared.
//
// Microsoft: Get-VMReplication.
func DriftOf(l WatchedLeg, host string, r WatchedRelation) []Drift {
	d, p := &drifts{l: l}, l.Policy
	if r.FrequencySec > 0 && p.Frequency > 0 {
		is := Frequency(time.Duration(r.FrequencySec) * time.Second)
		found := d.differs("frequency", is.String(), p.Frequency.String())
		if l.Leg == ExtendedLeg && p.Frequency < is {
			found.Manual = "Hyper-V does not let a third copy be sent to more often than it is: end that replication and extend again"
		}
	}
	if p.RecoveryPoints != nil {
		found := d.differs("recovery_points", fmt.Sprint(r.RecoveryHistory), fmt.Sprint(*p.RecoveryPoints))
		if *p.RecoveryPoints < r.RecoveryHistory {
			found.Loses = fmt.Sprintf("the replica's older recovery points are removed (kept: %d)", *p.RecoveryPoints)
		}
	}
	if p.AppConsistent != nil {
		d.differs("app_consistent", Duration(time.Duration(r.AppHours)*time.Hour).String(), p.AppConsistent.String())
	}
	if p.Compression != nil {
		d.differs("compression", fmt.Sprint(r.Compression), fmt.Sprint(*p.Compression))
	}
	d.authentication(host, r)
	if p.Excluded != nil && host == l.From { // another host does not have what was left out
		d.disks(r)
	}
	if r.ReplicaServer != "" && !slices.ContainsFunc(l.Names, func(name string) bool { return strings.EqualFold(name, r.ReplicaServer) }) {
		d.differs("partner", r.ReplicaServer, strings.Join([]string{l.From, l.To}, " or ")).Manual = "it replicates to another host: protect it anew, or correct the configuration"
	}
	return d.all
}

func (d *drifts) authentication(host string, r WatchedRelation) {
	p := d.l.Policy
	if p.Authentication == "" || r.Auth == "" {
		return
	}
	is := strings.ToLower(r.Auth)
	own := p.Thumbprints[host]
	if found := d.differs("authentication", is, p.Authentication); p.Authentication == "certificate" && own == "" {
		found.Manual = "the configuration has no certificate_thumbprint of " + host
	}
	if is == "certificate" && p.Authentication == is && own != "" && r.Thumbprint != "" {
		d.differs("certificate_thumbprint", strings.ToUpper(r.Thumbprint), strings.ToUpper(own))
	}
}

func (d *drifts) disks(r WatchedRelation) {
	excluded := d.l.Policy.Excluded
	is, should := disksInWords(r.Excluded, excluded)
	found := d.differs("excluded_disks", is, should)
	want := replicatedDisks(r, excluded)
	switch {
	case !namesFiles(excluded):
		found.Manual = "the configuration names no files"
	case len(want) == 0:
		found.Manual = "no disk would be left to replicate"
	case sameDisks(want, r.Replicated):
		found.Manual = "the VM has no disks of these names"
	case slices.ContainsFunc(r.Replicated, func(disk string) bool { return !slices.Contains(want, disk) }):
		found.Loses = "what is newly left out goes from the replica"
	}
}

// replicatedDisks are the disks of a VM that are to replicate: all that it has but
// those that are left out, by their file names.
func replicatedDisks(r WatchedRelation, excluded []string) []string {
	var want []string
	for _, disk := range slices.Concat(r.Replicated, r.Excluded) {
		if !slices.ContainsFunc(excluded, func(name string) bool { return fileName(name) == fileName(disk) }) {
			want = append(want, disk)
		}
	}
	return want
}

func sameDisks(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// disksInWords compares disks by file name where the configuration names files,
// else by their number: a note like "60 GB" names none.
func disksInWords(is, should []string) (string, string) {
	if !namesFiles(should) {
		return fmt.Sprintf("%d disks", len(is)), fmt.Sprintf("%d disks", len(should))
	}
	return diskNames(is), diskNames(should)
}

func namesFiles(disks []string) bool {
	return !slices.ContainsFunc(disks, func(d string) bool {
		name := fileName(d)
		return !strings.Contains(name[max(0, strings.LastIndexByte(name, '.')):], "vhd")
	})
}

func fileName(path string) string { return strings.ToLower(path[strings.LastIndexAny(path, `\/`)+1:]) }

func diskNames(paths []string) string {
	names := make([]string, len(paths))
	for i, p := range paths {
		names[i] = fileName(p)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
