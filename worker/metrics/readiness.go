package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// readiness makes gauges out of the engine's memory at each scrape.
type readiness struct {
	reports func(now time.Time) []plans.ReadyReport
	gauges  map[string]*prometheus.Desc
}

// gauges are the names, what each means, and its labels.
var gauges = []struct {
	name, help string
	labels     []string
}{
	{"lifeboat_vm_replication_health", "Hyper-V's health of a VM's replication, the worse of both sides: 0 not applicable, 1 normal, 2 warning, 3 critical.", vmLabels},
	{"lifeboat_vm_replication_state", "1 for the replica's state, in Hyper-V's word.", append([]string{"state"}, vmLabels...)},
	{"lifeboat_vm_replication_age_seconds", "Age of the newest data that the replica has, by the hosts' clocks.", vmLabels},
	{"lifeboat_vm_replication_rpo_target_seconds", "How old that may be.", vmLabels},
	{"lifeboat_vm_replication_backlog_bytes", "What waits to be sent.", vmLabels},
	{"lifeboat_vm_replication_resync_required", "1 while a VM waits for, or is in, a resynchronization.", vmLabels},
	{"lifeboat_test_vm_leftover", "1 while a test copy of a VM exists.", vmLabels},
	{"lifeboat_host_up", "1 when the last read of a host was answered.", hostLabels},
	{"lifeboat_poll_age_seconds", "Time since a host last answered.", hostLabels},
	{"lifeboat_cert_expiry_seconds", "What a certificate has left, to the day; below zero when it has ended.", append([]string{"use"}, hostLabels...)},
	{"lifeboat_volume_free_bytes", "Free space of the volume that holds replicas.", append([]string{"volume"}, hostLabels...)},
	{"lifeboat_volume_size_bytes", "Size of the volume that holds replicas.", append([]string{"volume"}, hostLabels...)},
	{"lifeboat_plan_ready", "1 when a plan is ready if its site is lost now; 0 when it is not, or when that cannot be seen.", planLabels},
	{"lifeboat_plan_findings", "Kinds of findings about a plan.", append([]string{"severity"}, planLabels...)},
	{"lifeboat_plan_vms_in_time", "VMs of a plan that would lose no more than their target.", planLabels},
	{"lifeboat_plan_vms", "VMs that take part in a plan.", planLabels},
	{"lifeboat_plan_last_drill_age_seconds", "Time since the last test failover of a plan ended.", planLabels},
	{"lifeboat_plan_last_drill_rto_seconds", "How long that took until all VMs were up; absent where one was not.", planLabels},
	{"lifeboat_plan_last_drill_passed", "1 when it passed.", planLabels},
}

var (
	vmLabels   = []string{"vm", "plan", "site"}
	hostLabels = []string{"host", "site"}
	planLabels = []string{"plan"}
)

func newReadiness(reports func(now time.Time) []plans.ReadyReport) *readiness {
	r := &readiness{reports: reports, gauges: map[string]*prometheus.Desc{}}
	for _, g := range gauges {
		r.gauges[g.name] = prometheus.NewDesc(g.name, g.help, g.labels, nil)
	}
	return r
}

// Describe implements prometheus.Collector.
func (r *readiness) Describe(out chan<- *prometheus.Desc) {
	for _, d := range r.gauges {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (r *readiness) Collect(out chan<- prometheus.Metric) {
	now := time.Now()
	hosts := map[string]bool{}
	put := func(name string, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(r.gauges[name], prometheus.GaugeValue, value, labels...)
	}
	for _, report := range r.reports(now) {
		plan(put, report, now)
		for _, vm := range report.VMs {
			machine(put, vm, report)
		}
		for _, h := range report.Hosts {
			if !hosts[h.Name] { // several plans need it
				hosts[h.Name] = true
				host(put, h, now)
			}
		}
	}
}

type putter func(name string, value float64, labels ...string)

func plan(put putter, r plans.ReadyReport, now time.Time) {
	put("lifeboat_plan_ready", truth(r.Verdict == plans.ReadyYes), r.Plan)
	put("lifeboat_plan_vms_in_time", float64(r.InTime), r.Plan)
	put("lifeboat_plan_vms", float64(r.Total), r.Plan)
	for _, s := range []plans.Severity{plans.Blocker, plans.Warning} {
		put("lifeboat_plan_findings", float64(len(plans.GroupFindings(r.Findings, s))), string(s), r.Plan)
	}
	if d := r.Drill; d != nil {
		put("lifeboat_plan_last_drill_age_seconds", now.Sub(d.Ended).Seconds(), r.Plan)
		if d.RTO > 0 {
			put("lifeboat_plan_last_drill_rto_seconds", d.RTO.D().Seconds(), r.Plan)
		}
		put("lifeboat_plan_last_drill_passed", truth(d.Passed), r.Plan)
	}
}

// healths are the numbers of VMReplicationHealthState.
var healths = map[string]float64{"NotApplicable": 0, "Normal": 1, "Warning": 2, "Critical": 3}

func machine(put putter, vm plans.ReadyVM, r plans.ReadyReport) {
	// Labels are unique in a plan; names may not be.
	labels := []string{vm.Label, r.Plan, r.To}
	if n, ok := healths[vm.Health]; ok {
		put("lifeboat_vm_replication_health", n, labels...)
	}
	put("lifeboat_vm_replication_state", 1, append([]string{vm.State}, labels...)...)
	if vm.Behind >= 0 {
		put("lifeboat_vm_replication_age_seconds", vm.Behind.D().Seconds(), labels...)
	}
	if vm.Target > 0 {
		put("lifeboat_vm_replication_rpo_target_seconds", vm.Target.D().Seconds(), labels...)
	}
	if vm.Backlog >= 0 {
		put("lifeboat_vm_replication_backlog_bytes", float64(vm.Backlog), labels...)
	}
	put("lifeboat_vm_replication_resync_required", truth(vm.Resync), labels...)
	put("lifeboat_test_vm_leftover", truth(vm.TestVM), labels...)
}

func host(put putter, h plans.ReadyHost, now time.Time) {
	put("lifeboat_host_up", truth(h.Up), h.Name, h.Site)
	if !h.Read.IsZero() {
		put("lifeboat_poll_age_seconds", now.Sub(h.Read).Seconds(), h.Name, h.Site)
	}
	if h.CertificateDays != nil {
		put("lifeboat_cert_expiry_seconds", float64(*h.CertificateDays)*24*3600, "replication", h.Name, h.Site)
	}
	if h.Volume != nil {
		put("lifeboat_volume_free_bytes", float64(h.Volume.Free), h.Volume.Name, h.Name, h.Site)
		put("lifeboat_volume_size_bytes", float64(h.Volume.Size), h.Volume.Name, h.Name, h.Site)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
