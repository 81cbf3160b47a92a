package plans

import (
	"testing"
	"time"
)

// replicas are three VMs: one with points, one app-consistent, one with the
// latest data only.
func replicas() (RunInput, []VMPoints) {
	at := func(h, m int) time.Time { return time.Date(2027, 1, 12, h, m, 0, 0, time.UTC) }
	in := RunInput{Plan: "p", Operation: UnplannedFailover, Steps: []RunStep{{VMs: []RunVM{{ID: "sql", Label: "SQL"}, {ID: "fs", Label: "FS"}, {ID: "web", Label: "WEB"}}}}}
	return in, []VMPoints{
		{VM: "sql", At: at(3, 7), Latest: at(3, 4), Points: []Point{{"s1", "Replica", at(1, 0)}, {"s2", "Replica", at(2, 0)}, {"s3", "Replica", at(3, 0)}}},
		{VM: "fs", At: at(3, 7), Latest: at(3, 2), Points: []Point{{"f1", "AppConsistentReplica", at(1, 30)}, {"f2", "Replica", at(2, 30)}}},
		{VM: "web", At: at(3, 7), Latest: at(2, 55)},
	}
}

func TestPointsAreChosenAsAsked(t *testing.T) {
	for _, row := range []struct {
		ask     string
		want    [3]string // ids; "latest"; "" for none
		missing int
	}{
		{"latest", [3]string{"latest", "latest", "latest"}, 0},
		{"", [3]string{"latest", "latest", "latest"}, 0},
		{"latest-app", [3]string{"", "f1", ""}, 2},
		{"common", [3]string{"s2", "f2", "latest"}, 0},
		{"02:10", [3]string{"s2", "f1", ""}, 1},
		{"03:03", [3]string{"s3", "latest", "latest"}, 0},
		{"2027-01-12 00:30", [3]string{"", "", ""}, 3},
		{"03:30", [3]string{"", "", ""}, 3}, // yesterday's, since it is 03:07 now
		{"soon", [3]string{"", "", ""}, 3},
	} {
		in, have := replicas()
		in.Point = row.ask
		in, found := ChoosePoints(in, have)
		if len(found) != row.missing {
			t.Errorf("%q: findings %+v, want %d", row.ask, found, row.missing)
		}
		for i, vm := range in.VMs() {
			got := vm.Point.ID
			if vm.Point.Kind == PointLatest {
				got = "latest"
			}
			if got != row.want[i] {
				t.Errorf("%q: %s gets %q, want %q", row.ask, vm.Label, got, row.want[i])
			}
		}
	}
}

// A common moment is never newer than any VM's data, and says who cannot.
func TestTheCommonMoment(t *testing.T) {
	_, have := replicas()
	moment, missing, spread := CommonMoment(have)
	if !moment.Equal(have[2].Latest) || len(missing) != 0 || spread != 55*time.Minute {
		t.Errorf("common: %s, missing %v, spread %s", moment, missing, spread)
	}
	have[0].Points = have[0].Points[2:]
	if _, missing, _ := CommonMoment(have); len(missing) != 1 || missing[0] != "sql" {
		t.Errorf("a VM whose points are all younger is not named: %v", missing)
	}
}

func TestASiteIsJudgedByWhatAnswers(t *testing.T) {
	host := WitnessView{Site: "hq", Kind: "host"}
	bmc := WitnessView{Site: "hq", Kind: "bmc"}
	here := WitnessView{Site: "dr", Kind: "witness"}
	yes := func(w WitnessView) WitnessView { w.Answers = true; return w }
	for _, row := range []struct {
		all  []WitnessView
		want SiteVerdict
	}{
		{[]WitnessView{yes(host), bmc, yes(here)}, SiteAnswers},
		{[]WitnessView{host, yes(bmc), yes(here)}, SiteMixed},
		{[]WitnessView{host, bmc, yes(here)}, SiteSilent},
		{[]WitnessView{host, bmc, here}, SiteBlind},
	} {
		if got := siteVerdict("hq", row.all); got != row.want {
			t.Errorf("%+v is %s, want %s", row.all, got, row.want)
		}
	}
}
