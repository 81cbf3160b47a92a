package plans

import (
	"fmt"
	"slices"
	"time"
)

// FirstCopy is a first copy that arrived over the network, in the hosts' time.
type FirstCopy struct {
	From  string   `json:"from"`
	To    string   `json:"to"`
	Bytes uint64   `json:"bytes"`
	Took  Duration `json:"took"`
	// Speed is that of a lab, 1 of real hosts: figures of one are not for others.
	Speed float64 `json:"speed"`
}

// shortestCopy is the shortest first copy that says anything of a line: it is looked at
// every minute at most.
const shortestCopy = 2 * time.Minute

// FirstCopiesOf are the first copies of reports, newest first. One that waited for
// its moment, was carried, or stood there already says nothing of the line.
func FirstCopiesOf(reports []Report) []FirstCopy {
	all := []FirstCopy{}
	for _, r := range reports {
		in := r.Input
		if in.Operation != Protect || in.Seed.How != SeedNetwork || !in.Seed.At.IsZero() {
			continue
		}
		vms := byVMID(in)
		for _, s := range r.Status.VMs {
			vm, known := vms[s.ID]
			i := slices.IndexFunc(s.Times, func(t PhaseTime) bool { return t.Phase == PhaseSync })
			if !known || i < 0 || s.Verdict != VerdictDone || s.Progress == nil || s.Progress.Total == 0 || s.Times[i].Ended.IsZero() || disturbed(r, vm, s.Times[i]) {
				continue
			}
			speed := speedOf(in)
			took := time.Duration(float64(s.Times[i].Ended.Sub(s.Times[i].Started)) * speed)
			if took >= shortestCopy {
				all = append(all, FirstCopy{From: vm.SourceHost, To: vm.TargetHost, Bytes: s.Progress.Total, Took: Duration(took), Speed: speed})
			}
		}
	}
	return all
}

func byVMID(in RunInput) map[string]RunVM {
	out := map[string]RunVM{}
	for _, vm := range in.VMs() {
		out[vm.ID] = vm
	}
	return out
}

// CopyRate is how fast first copies went from one host to another.
type CopyRate struct {
	PerSecond float64 `json:"per_second"` // bytes, the median
	Copies    int     `json:"copies"`
}

// RateOf is the rate of the last first copies between two hosts, nil when none went
// there.
func RateOf(all []FirstCopy, from, to string, speed float64) *CopyRate {
	var rates []float64
	for _, c := range all {
		if c.From == from && c.To == to && c.Speed == max(1, speed) && c.Took > 0 && len(rates) < learnFrom {
			rates = append(rates, float64(c.Bytes)/c.Took.D().Seconds())
		}
	}
	if len(rates) == 0 {
		return nil
	}
	slices.Sort(rates)
	return &CopyRate{PerSecond: rates[len(rates)/2], Copies: len(rates)}
}

// words say how long a first copy takes at that rate.
func (r *CopyRate) words(bytes uint64) string {
	if r.PerSecond <= 0 {
		return ""
	}
	takes := time.Duration(float64(bytes) / r.PerSecond * float64(time.Second))
	return fmt.Sprintf("(about %s at %.0f Mbps, as %d went there before)", forPeople(takes), r.PerSecond*8/1e6, r.Copies)
}
