package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/truth"
)

// statement is a person's word that the site is dark.
const statement = "guard confirms building dark, 03:24"

// lose takes the power from a site.
func (w *world) lose(site string) { w.t.Helper(); w.post("/sites/"+site+"/power-loss", nil) }

// copyOf is a VM's copy at a host.
func (s labState) copyOf(name, host string) labCopy {
	i := slices.IndexFunc(s.Copies, func(c labCopy) bool { return c.Name == name && c.Host == host && !c.Test })
	if i < 0 {
		return labCopy{}
	}
	return s.Copies[i]
}

// fenceStatus is the part of `fence --output json` that tests look at.
type fenceStatus struct {
	Verdict string `json:"verdict"`
	VMs     []struct {
		Label string `json:"label"`
		State string `json:"state"`
	} `json:"vms"`
	Waiting []struct {
		VM string `json:"vm"`
	} `json:"waiting"`
}

// fence looks at the watch of a plan; a watch that asks ends with code 5.
func (w *world) fence(plan string) (s fenceStatus, code int, err error) {
	r := w.lifeboat("fence", plan, "--output", "json")
	if r.code != 0 && r.code != 5 {
		return s, r.code, fmt.Errorf("fence: exit %d: %s", r.code, r.err)
	}
	return s, r.code, json.Unmarshal([]byte(r.out), &s)
}

// fenceAll answers for old copies that run until every old copy is fenced. It
// returns how many times it was asked.
func (w *world) fenceAll(plan, answer string) (asked int) {
	w.t.Helper()
	w.until("every old copy is fenced", func() error {
		s, code, err := w.fence(plan)
		if err != nil {
			return err
		}
		if code == 5 {
			asked++
			w.lifeboat("fence", plan, answer) // what asks may have been answered by the world
			return fmt.Errorf("waiting for %+v", s.Waiting)
		}
		for _, vm := range s.VMs {
			if !slices.Contains([]string{"closed", "over", "left", "fenced"}, vm.State) {
				return fmt.Errorf("%s", strings.TrimSpace(fmt.Sprint(s.VMs)))
			}
		}
		return nil
	})
	return asked
}

// awaitTestCopies waits until so many test copies run.
func (w *world) awaitTestCopies(n int) {
	w.t.Helper()
	w.until(fmt.Sprintf("%d test copies run", n), func() error {
		s, err := w.tryState()
		if err != nil {
			return err
		}
		count := 0
		for _, c := range s.Copies {
			if c.Test && c.Power == "Running" {
				count++
			}
		}
		if count != n {
			return fmt.Errorf("%d run", count)
		}
		return nil
	})
}

// calls counts the changing cmdlets that were done at a host.
func (w *world) calls(host string) (n int) {
	for _, e := range w.ledger() {
		if e.What == "call" && e.Host == host && e.To == "done" {
			n++
		}
	}
	return n
}

// checkDoneOnce: each of the cmdlets ("name@host") was done once for every VM of
// the pair (I8).
func (w *world) checkDoneOnce(cmdlets ...string) {
	w.t.Helper()
	w.checkDoneOnceSince(0, cmdlets...)
}

// checkDoneOnceSince is checkDoneOnce of the ledger after its first entries.
func (w *world) checkDoneOnceSince(since int, cmdlets ...string) {
	w.t.Helper()
	count := map[string]int{}
	for _, e := range w.named(w.ledger())[since:] {
		if e.What == "call" && e.To == "done" {
			count[e.VM+" "+e.From+"@"+e.Host]++
		}
	}
	for _, name := range []string{"DB", "APP1", "APP2"} {
		for _, cmdlet := range cmdlets {
			if n := count[name+" "+cmdlet]; n != 1 {
				w.t.Errorf("I8: %s was done %d times for %s, want once", cmdlet, n, name)
			}
		}
	}
}

// runsAt judges one side: every VM runs there in a mode, and lost nothing that
// was written after the failover.
func (w *world) runsAt(host, mode string) {
	w.t.Helper()
	for _, c := range w.state().Copies {
		if c.Host == host && !c.Test && (c.Power != "Running" || c.Mode != mode) {
			w.t.Errorf("%s at %s is %s/%s/%s, want Running/%s", c.Name, host, c.Power, c.Mode, c.State, mode)
		}
	}
}

// The worst hour from end to end: a site without power, copies started on a
// person's word, the old site back and fenced, commit, re-protection, home.
func TestTheWholeWayFromLossToHome(t *testing.T) {
	w := newWorld(t, "pair", 60)
	w.up()
	w.lose("a")
	w.must(4, "failover", "both", "--unplanned", "--yes")
	if n := w.calls("HV-B"); n > 0 {
		t.Errorf("refused, and %d cmdlets were done", n)
	}
	at := w.decided("both")
	w.must(0, "failover", "both", "--unplanned", "--yes", "--statement", statement)
	w.runsAt("HV-B", "Replica")
	w.lostJustThat(at.latest)
	for _, broken := range truth.Order(w.named(w.ledger()), w.plan("both").members(), func(host string) bool { return host == "HV-B" }) {
		t.Error(broken)
	}
	w.nothingLeft("lifeboat commit both", "--statement", statement)
	w.returns("both")
	w.must(0, "commit", "both", "--yes")
	w.nothingLeft("lifeboat reprotect both")
	r := w.must(4, "failover", "both", "--unplanned", "--yes", "--statement", statement, "--point", "common", "--lose-writes")
	if !r.says("its recovery points went with the commit") {
		t.Errorf("another point after the commit:\n%s%s", r.out, r.err)
	}
	w.must(0, "reprotect", "both", "--yes")
	w.oneRuns("HV-B", "HV-A")
	w.nothingLeft("lifeboat failback both")
	missing := map[string]uint64{}
	for _, c := range w.state().Copies {
		if c.Host == "HV-B" {
			missing[c.Name] = c.Writes.Missing
		}
	}
	w.must(0, "failback", "both", "--yes")
	w.oneRuns("HV-A", "HV-B")
	w.startsByItself("HV-A")
	for _, c := range w.state().Copies {
		if c.Host == "HV-A" && (c.Writes.Missing > missing[c.Name] || c.Writes.Held < c.Writes.Committed) {
			t.Errorf("I2: %s lost writes on the way home: %+v, %d were missing before", c.Name, c.Writes, missing[c.Name])
		}
	}
	w.checkDoneOnce("Complete-VMFailover@HV-B", "Start-VMInitialReplication@HV-B")
	w.must(0, "journal", "verify")
}

// nothingLeft asks for the unplanned failover once more: no run begins, nobody is
// asked, and it is said where the VMs run and what comes next, which is the first of
// the ways on from there.
func (w *world) nothingLeft(next string, flags ...string) {
	w.t.Helper()
	before := w.calls("HV-B")
	for _, way := range []string{"--dry-run", "--yes"} {
		r := w.must(0, append([]string{"failover", "both", "--unplanned", way}, flags...)...)
		_, ways, _ := strings.Cut(r.out, "Next:")
		for _, command := range []string{"lifeboat commit both", "lifeboat reprotect both", "lifeboat failback both"} {
			if command == next {
				break
			}
			if strings.Contains(ways, command) {
				w.t.Errorf("%s again, when %s is next: %s", way, next, r.out)
			}
		}
		if !r.says("nothing left to fail over") || !r.says("at HV-B (b): DB, APP1, APP2") || !strings.Contains(ways, next) || r.says("Started") {
			w.t.Errorf("%s again, when %s is next: %s%s", way, next, r.out, r.err)
		}
	}
	if n := w.calls("HV-B"); n != before {
		w.t.Errorf("the same command again did %d cmdlets more", n-before)
	}
}

// A failover is done again for the watch that it begins: without one nobody keeps an
// old copy that cannot be seen from running.
func TestAFailoverThatIsDoneBeginsTheWatchAgain(t *testing.T) {
	w := newWorld(t, "pair", 60)
	w.up()
	w.lose("a")
	w.must(0, "failover", "both", "--unplanned", "--yes", "--statement", statement)
	w.must(0, "fence", "both", "--stand-down", "--reason", "the test's")
	if r := w.must(0, "failover", "both", "--unplanned", "--yes", "--statement", statement); !r.says("Started") {
		t.Errorf("no run began: %s", r.out)
	}
	w.returns("both")
}

// returns gives the lost site its power back, where old copies start by
// themselves: people are asked before anything is turned off, and when they have
// said so the old copies are off, stay off, and no two copies run any longer.
func (w *world) returns(plan string) {
	w.t.Helper()
	since := len(w.ledger())
	w.oldCopiesRun()
	w.until("the watch asks about old copies that run", func() error {
		s, code, err := w.fence(plan)
		if err == nil && code != 5 {
			err = fmt.Errorf("exit %d: %+v", code, s.VMs)
		}
		return err
	})
	for _, e := range w.ledger()[since:] {
		if e.Host == "HV-A" && e.What == "power" && e.Requested() {
			w.t.Errorf("nobody was asked, and %+v", e)
		}
	}
	if len(w.state().Violations) == 0 {
		w.t.Error("no old copy ran beside its good one: the test proves nothing")
	}
	w.fenceAll(plan, "--turn-off")
	s := w.state()
	for _, c := range s.Copies {
		if c.Host == "HV-A" && (c.Power != "Off" || c.AutoStart != "Nothing") {
			w.t.Errorf("fenced, and %s is %s at HV-A, automatic start %s", c.Name, c.Power, c.AutoStart)
		}
	}
	if later := w.state().Violations; !slices.Equal(later, s.Violations) {
		w.t.Errorf("I1: fenced, and two copies run on: %v, then %v", s.Violations, later)
	}
}

// startsByItself: what the fence stopped from starting by itself, and runs here
// again, starts with its host as it did before.
func (w *world) startsByItself(host string) {
	w.t.Helper()
	for _, c := range w.state().Copies {
		if c.Host == host && c.AutoStart != "StartIfRunning" {
			w.t.Errorf("%s at %s is at home again, and its automatic start is %s", c.Name, host, c.AutoStart)
		}
	}
}

// oldCopiesRun gives site a its power back, and sees that every old copy there
// has run: by itself, or by a colleague's hand where the watch was faster than
// the host.
func (w *world) oldCopiesRun() {
	w.t.Helper()
	since := len(w.ledger())
	w.post("/sites/a/power-on", nil)
	w.until("every old copy has run", func() error {
		ran := map[string]bool{}
		for _, e := range w.ledger()[since:] {
			ran[e.VM] = ran[e.VM] || e.Host == "HV-A" && e.What == "power" && e.To == "Running"
		}
		var err error
		for _, c := range w.state().Copies {
			if c.Host == "HV-A" && !ran[c.VM] {
				err = fmt.Errorf("%s has not", c.Name)
				if c.AutoStart == "Nothing" {
					err = errors.Join(err, (&player{world: w}).tryPost("POST", "/vms/"+c.VM+"@HV-A/start", nil))
				}
			}
		}
		return err
	})
}

// oneRuns judges a pair in its steady state: one primary runs, and the other
// copy is its replica and off.
func (w *world) oneRuns(primary, replica string) {
	w.t.Helper()
	w.runsAt(primary, "Primary")
	for _, c := range w.state().Copies {
		if c.Host == replica && (c.Power != "Off" || c.Mode != "Replica" || c.State != "Replicating") {
			w.t.Errorf("%s at %s is %s/%s/%s, want Off/Replica/Replicating", c.Name, replica, c.Power, c.Mode, c.State)
		}
	}
}

// decision is what `decide` said of each VM's points, in writes: how many that
// users made would be missing. It is worked out from the lab's truth at the
// moment that the words name.
type decision struct {
	latest, app map[string]uint64
	// held are the lab's points, oldest first, in the same measure; created are
	// their times.
	held    []map[string]uint64
	created []time.Time
}

// decided asks `decide` about a site without power and holds its words against
// the lab: each time that it names is the time of that point.
func (w *world) decided(plan string) decision {
	w.t.Helper()
	var said struct {
		Verdict string `json:"verdict"`
		VMs     []struct {
			Label  string `json:"label"`
			Latest moment `json:"latest"`
			App    moment `json:"latest_app"`
		} `json:"vms"`
	}
	r := w.must(1, "decide", plan, "--output", "json")
	if err := json.Unmarshal([]byte(r.out), &said); err != nil {
		w.t.Fatal(err)
	}
	if said.Verdict != "silent" || len(said.VMs) != 3 {
		w.t.Fatalf("decide: %+v", said)
	}
	var dark time.Time
	for _, e := range w.ledger() {
		if e.What == "site" {
			dark = e.Sim
		}
	}
	out, s := decision{latest: map[string]uint64{}, app: map[string]uint64{}}, w.state()
	for _, vm := range said.VMs {
		c := s.replicaOf(vm.Label)
		out.latest[vm.Label] = c.Writes.Committed - c.Writes.Held
		// A write a second: what is missing is as old as decide says.
		if age := dark.Sub(vm.Latest.Time).Seconds(); math.Abs(age-float64(out.latest[vm.Label])) > 3 {
			w.t.Errorf("decide: the newest data of %s are of %s, %.0f s before the loss, and %d writes are missing", vm.Label, vm.Latest.Time, age, out.latest[vm.Label])
		}
		for i, p := range c.Points {
			if i == len(out.held) {
				out.held, out.created = append(out.held, map[string]uint64{}), append(out.created, p.Created)
			}
			out.held[i][vm.Label] = c.Writes.Committed - p.Held
			if p.Type == "AppConsistentReplica" {
				out.app[vm.Label] = c.Writes.Committed - p.Held
				if d := p.Created.Sub(vm.App.Time).Abs(); d > time.Second && i == lastApp(c) {
					w.t.Errorf("decide: the newest application-consistent point of %s is of %s, not of %s", vm.Label, p.Created, vm.App.Time)
				}
			}
		}
	}
	return out
}

type moment struct {
	Time time.Time `json:"time"`
}

func lastApp(c labCopy) (last int) {
	for i, p := range c.Points {
		if p.Type == "AppConsistentReplica" {
			last = i
		}
	}
	return last
}

func (s labState) replicaOf(name string) labCopy {
	for _, c := range s.Copies {
		if c.Name == name && c.Mode == "Replica" && !c.Test {
			return c
		}
	}
	return labCopy{}
}

// lostJustThat is I3: what users have lost is what the chosen point had not got,
// and nothing besides.
func (w *world) lostJustThat(said map[string]uint64) {
	w.t.Helper()
	for name, want := range said {
		if got := w.state().replicaOf(name).Writes.Missing; got != want {
			w.t.Errorf("I3: %s has lost %d writes, decide said %d", name, got, want)
		}
	}
}

// Each choice of a point loses what decide said before, and another point is
// taken only from whoever gives up what was written meanwhile.
func TestEachPointLosesWhatDecideSaid(t *testing.T) {
	w := newWorld(t, "testdata/pair-tests.yaml", 60)
	w.up()
	w.lose("a")
	said := w.decided("both")
	unplanned := func(flags ...string) []string {
		return append([]string{"failover", "both", "--unplanned", "--yes", "--statement", statement}, flags...)
	}
	w.must(0, unplanned("--point", "latest-app")...)
	w.lostJustThat(said.app)

	// Another point: the failover that stands is held for a person, and no more.
	before := w.calls("HV-B")
	second := said.created[1].UTC().Add(time.Minute).Format("2006-01-02 15:04")
	w.must(0, append(unplanned("--point", second), "--detach")...)
	w.until("a person is asked about the failover that stands", func() error {
		s, err := w.run("both")
		if err == nil && !(len(s.Waiting) > 0 && slices.Contains(s.Waiting[0].Choices, "accept")) {
			err = fmt.Errorf("%s, waiting for %+v", s.Verdict, s.Waiting)
		}
		return err
	})
	w.must(0, "run", "stop", "both")
	if s := w.awaitEnd("both"); s.Verdict == "done" {
		t.Errorf("a point that nobody consented to was taken: %+v", s)
	}
	if n := w.calls("HV-B"); n != before {
		t.Errorf("nobody consented, and %d cmdlets were done", n-before)
	}

	wrote := w.state().replicaOf("DB").Writes.Own
	w.must(0, unplanned("--point", second, "--lose-writes")...)
	w.runsAt("HV-B", "Replica")
	s := w.state()
	for name, lost := range said.held[1] {
		// What was written at b since is lost too, as was consented to.
		if c := s.replicaOf(name); c.Writes.Missing < lost {
			t.Errorf("%s lacks %d writes; the point of %s had not got %d", name, c.Writes.Missing, second, lost)
		}
	}
	if c := s.replicaOf("DB"); wrote == 0 || c.Writes.Missing < said.held[1]["DB"]+wrote {
		t.Errorf("%d writes at b were given up, and DB lacks only %d", wrote, c.Writes.Missing)
	}
	w.must(0, "commit", "both", "--yes")
	// Committed is final: no other point is taken any more, whatever is consented.
	before = w.calls("HV-B")
	w.lifeboat(unplanned("--point", "latest", "--lose-writes")...)
	if n := w.calls("HV-B"); n != before {
		t.Errorf("committed, and %d cmdlets were done for another point", n-before)
	}
	w.must(0, "journal", "verify")
}

// A site that answers is not failed over without it: refused, or fenced first.
func TestASiteThatAnswersIsFencedFirst(t *testing.T) {
	w := newWorld(t, "pair", 60)
	w.up()
	w.must(4, "failover", "both", "--unplanned", "--yes")
	if n := w.calls("HV-A") + w.calls("HV-B"); n > 0 {
		t.Errorf("refused, and %d cmdlets were done", n)
	}
	w.must(0, "failover", "both", "--unplanned", "--yes", "--fence", "shut-down")
	w.runsAt("HV-B", "Replica")
	off := map[string]bool{}
	for _, e := range w.ledger() {
		switch {
		case e.What == "power" && e.Host == "HV-A":
			off[e.VM] = e.To == "Off"
		case e.What == "power" && e.Host == "HV-B" && e.To == "Running" && !off[e.VM]:
			t.Errorf("%s started at HV-B while it was not off at HV-A", e.VM)
		}
	}
	for _, v := range w.state().Violations {
		t.Errorf("I1: %s", v)
	}
}

// A cancel gives an unplanned failover up once the old site is back: for how
// long the copy ran is said first, and it needs a person's word.
func TestAnUnplannedFailoverIsGivenUp(t *testing.T) {
	for answer, dialect := range map[string]string{"--turn-off": "plain", "--disconnect": "replica-starts-nothing"} {
		t.Run(answer, func(t *testing.T) { givenUp(t, answer, dialect) })
	}
}

func givenUp(t *testing.T, answer, dialect string) {
	w := newWorld(t, "pair", 60, "--dialect", dialect)
	w.up()
	w.lose("a")
	w.must(0, "failover", "both", "--unplanned", "--yes", "--statement", statement)
	w.oldCopiesRun()
	w.fenceAll("both", answer)
	for _, c := range w.state().Copies {
		if c.Host == "HV-B" && c.Writes.Own == 0 {
			t.Errorf("nothing was written to %s at b: the test proves nothing", c.Name)
		}
	}
	before := w.calls("HV-B")
	r := w.must(4, "cancel", "both", "--yes")
	if words := strings.Join(strings.Fields(r.out+r.err), " "); !howLong.MatchString(words) {
		t.Errorf("nobody was told how many minutes would be lost:\n%s%s", r.out, r.err)
	}
	if n := w.calls("HV-B"); n != before {
		t.Errorf("refused, and %d cmdlets were done", n-before)
	}
	w.must(0, "cancel", "both", "--yes", "--lose-writes")
	w.runsAt("HV-A", "Primary")
	w.startsByItself("HV-A")
	for _, c := range w.state().Copies {
		if c.Host == "HV-B" && (c.Power != "Off" || c.Mode != "Replica" || c.Writes.Own > 0) {
			t.Errorf("given up, and %s at HV-B is %s/%s with %d writes of its own", c.Name, c.Power, c.Mode, c.Writes.Own)
		}
		for _, n := range c.Networks {
			if c.Host == "HV-A" && !n.Connected {
				t.Errorf("%s is at home again without its network", c.Name)
			}
		}
	}
}

// howLong finds what would be lost in words for people.
var howLong = regexp.MustCompile(`what users wrote there in the \d+ ?(s|m|min|h)[^.]*that it has run`)
