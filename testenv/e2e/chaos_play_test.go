package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// player plays one story on the built binary.
type player struct {
	*world
	story *story
	dice  *rand.Rand // people's answers
	told  []string   // what happened, in order
	began time.Time
	hosts []string
	// at is where the VMs are since the last operation that was done, last what
	// was asked for last.
	at   standing
	last storyAct
	done bool
	// under are the troubles that last, with how each ends.
	under []*lasting
	// unhung are the rules whose call that hung was ended.
	unhung map[string]bool
	tally  *tally
	// windows are the operations so far, the one under way last.
	windows []*runWindow
	// retries counts answers to one VM's questions after everything is healed.
	retries map[string]int
	healed  bool
	full    string // the ballast that fills the disk, "" when it cannot be filled
	lostSite
	losses
}

type lasting struct {
	until time.Time
	undo  func()
}

// runWindow is one operation: what the ledger holds of it.
type runWindow struct {
	act      storyAct
	point    string // where an unplanned failover goes to
	from, to uint64 // sequence numbers of the ledger
	verdict  string
	// bent is true when an answer left a VM out or ended the run: order is then
	// as people wanted it.
	bent bool
	// nothing is true where all was as wanted already, and there was no run;
	// beside while a drill stands beside it.
	nothing, beside bool
	before          labState // of an unplanned failover, once the site is lost
}

// playStory plays a story with the chosen troubles (nil: all) and judges it.
func playStory(t *testing.T, seed uint64, chosen []int, sum *tally) {
	s, err := newStory(seed, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if chosen != nil {
		kept := s.troubles[:0:0]
		for _, i := range chosen {
			if i < len(s.troubles) {
				kept = append(kept, s.troubles[i])
			}
		}
		s.troubles = kept
	}
	options := []string{"--seed", fmt.Sprint(seed%1_000_000 + 1)}
	if path := findPowerShell(); s.real && path != "" {
		options = append(options, "--powershell", path)
	}
	w := startWorld(t, s.environment, s.speed, options...)
	p := &player{world: w, story: s, dice: rand.New(rand.NewPCG(seed, 2)), began: time.Now(), tally: sum, unhung: map[string]bool{}}
	defer func() {
		if t.Failed() || os.Getenv("CHAOS_SEED") != "" {
			t.Logf("The story:\n%s", strings.Join(p.told, "\n"))
		}
	}()
	w.changePlan(s.plan, s.fields)
	p.smallDisk()
	p.bringUp() // a port that it found free may be somebody's a moment later
	p.learnWorld()
	p.tell("%s %v, reverse %v, on_return %v, limits %v, %d troubles", filepath.Base(s.environment), options[2:], s.fields["reverse"], s.fields["on_return"], s.fields["limits"], len(s.troubles))
	p.at, p.last, p.done = home, s.acts[0], true
	for i, a := range s.acts {
		a = p.instead(a)
		p.done = p.act(i, a) == "done"
		p.arrive(a)
		p.last = a
	}
	p.converge()
	p.tally.stories.Add(1)
}

func (p *player) tell(format string, args ...any) {
	p.told = append(p.told, fmt.Sprintf("%7.2fs  %s", time.Since(p.began).Seconds(), fmt.Sprintf(format, args...)))
}

// arrive is what an operation leads to once it is done.
func (p *player) arrive(a storyAct) {
	if p.done {
		p.at = p.story.after(a.op, p.at)
	}
	if p.gone == nil {
		p.at = p.at.seen()
	}
}

// instead is what people really ask for when the story says a. What was left
// half done is brought to its end first, or taken back; a taking back that was
// refused leaves the way forward.
func (p *player) instead(a storyAct) storyAct {
	last := p.last
	switch {
	case p.done && a.op.fits(p.at):
		return a
	case p.done:
		i := slices.IndexFunc(chaosOperations, func(o *chaosOperation) bool { return o.fits(p.at) })
		return storyAct{op: chaosOperations[i], point: a.point, fence: a.fence}
	case last.op.forward != "":
		return storyAct{op: operationCalled(last.op.forward), point: a.point, fence: a.fence}
	case a.op.name == last.op.undo:
		return a
	}
	last.stopAfter, last.drill, last.bare = 0, 0, false
	return last
}

// act asks for one operation and lets its troubles come over it; then
// everything is mended and the run is seen to its end. It returns how it ended.
func (p *player) act(i int, a storyAct) string {
	p.healed, p.retries = false, map[string]int{}
	w := p.begin(a)
	switch p.ask(w) {
	case refused:
		p.heal()
		p.settle(w)
		return "refused"
	case nothing:
		p.heal()
		w.verdict, w.nothing = "done", true
		p.settle(w)
		return "done"
	case started:
	}
	began := time.Now()
	var todo []trouble
	for _, t := range p.story.troubles {
		if t.act == i {
			todo = append(todo, t)
		}
	}
	stopAt, looked, back := began.Add(a.stopAfter), time.Time{}, a.back
	for end := began.Add(15 * time.Second); time.Now().Before(end); pause() {
		todo = p.strike(todo, began, w.from)
		p.release(false)
		if a.stopAfter > 0 && time.Now().After(stopAt) {
			p.say("run", "stop", p.runOf(a.op))
			w.bent, stopAt = true, end
		}
		if back > 0 && time.Since(began) > back {
			p.siteReturns()
			back = 0
		}
		if time.Since(looked) > 400*time.Millisecond {
			looked = time.Now()
			if ended := p.attend(w); ended && len(p.under) == 0 {
				break
			}
		}
	}
	p.heal()
	p.seeToItsEnd(w)
	p.settle(w)
	if w.bent && w.verdict == "done" {
		return "bent" // what a person left out is still to be brought to its end
	}
	return w.verdict
}

// begin is what comes before an operation: a drill that stands in its way, the
// loss of a site, or its return.
func (p *player) begin(a storyAct) *runWindow {
	w := &runWindow{act: a, point: a.point, from: p.state().Seq}
	p.windows = append(p.windows, w)
	if a.op.sees && p.gone != nil {
		p.siteReturns()
		p.closeWatch(w)
	}
	if a.drill > 0 {
		p.beginDrill(w)
	}
	if a.op.loses && a.loss != "" {
		p.lose(a.loss)
	}
	if a.op.unplanned {
		w.before = p.state()
	}
	return w
}

// ask gives the command of an operation.
func (p *player) ask(w *runWindow) taken {
	a := w.act
	if a.op.kind == aFence {
		p.tally.run(a.op.name)
		p.siteReturns()
		return started
	}
	if a.bare && a.op.unplanned && p.done && p.at == home && !w.beside {
		p.askBare(w)
	}
	is := p.request(p.story.args(a, w.point, false), a.op.name)
	if is == refused && a.op.unplanned && w.point != "latest" {
		// Not every VM keeps points that are old enough.
		w.point = "latest"
		is = p.request(p.story.args(a, w.point, false), a.op.name)
	}
	p.watching = p.watching || is == started && a.op.unplanned
	return is
}

// runOf is what the run commands call a run of the plan.
func (p *player) runOf(op *chaosOperation) string {
	if op.kind == aDrill {
		return "drill/" + p.story.plan
	}
	return p.story.plan
}

// seeToItsEnd waits for the end of a run to which nothing bad happens any more.
// A whole run on a busy machine, with real PowerShell, is not one fact: it gets
// longer, and a run that stands still is seen all the same.
func (p *player) seeToItsEnd(w *runWindow) {
	name := p.runOf(w.act.op)
	if w.act.op.kind == aFence {
		p.closeWatch(w)
		w.verdict = "done"
		return
	}
	p.within(5*patience, "a run that nothing hinders ends", func() error {
		if !p.attend(w) {
			s, err := p.run(name)
			return fmt.Errorf("I5: it is %s, waiting for %+v %v", s.Verdict, s.Waiting, err)
		}
		return nil
	})
	s, err := p.run(name)
	if err != nil {
		p.t.Errorf("I5: the run cannot be read: %v", err)
		return
	}
	w.verdict = s.Verdict
	p.tell("the run ended %s", s.Verdict)
	p.tally.end(s.Verdict)
	p.checkAccounted(s)
}

// settle is the end of an operation: what stood beside it has ended too, and
// what the world did meanwhile is judged.
func (p *player) settle(w *runWindow) {
	if w.beside {
		p.endDrill(w)
	}
	w.to = p.state().Seq
	if w.verdict != "" {
		p.checkOrderOf(w)
		p.checkDrill(w)
	}
	p.closeWatch(w)
	p.checkTwins()
	p.checkUnasked(w)
	p.account(w)
}

// converge: the same command again, in a world that is whole, comes to done. A
// site that is lost comes back last.
func (p *player) converge() {
	a := p.last
	a.stopAfter, a.back, a.drill, a.bare = 0, 0, 0, false
	if p.gone == nil {
		a.loss = ""
	}
	for try := 1; ; try++ {
		p.remedies()
		w := p.begin(a)
		p.retries, p.healed = map[string]int{}, true
		switch p.ask(w) {
		case started:
			p.seeToItsEnd(w)
		case nothing:
			w.verdict, w.nothing = "done", true
		case refused:
		}
		p.settle(w)
		if p.done = w.verdict == "done"; p.done {
			break
		}
		if a.op.forward != "" && try >= 2 {
			// Some VM is past the point of no return: the way is forward.
			a.op = operationCalled(a.op.forward)
		}
		for range 10 { // a person tries again, not at once
			pause()
		}
		if try == 8 {
			p.t.Fatalf("I5: %s does not converge in a whole world: %q after %d tries; %s", a.op.name, w.verdict, try, p.picture())
		}
	}
	p.arrive(a)
	p.judge(a.op, p.at)
	if p.gone != nil {
		w := p.begin(storyAct{op: operationCalled("fence")})
		p.ask(w)
		p.seeToItsEnd(w)
		p.settle(w)
		p.arrive(w.act)
		p.judge(w.act.op, p.at)
	}
	p.must(0, "journal", "verify")
	p.tally.judged.Add(1)
}

func (p *player) picture() string {
	var lines []string
	for _, c := range p.state().Copies {
		lines = append(lines, fmt.Sprintf("%s@%s %s/%s/%s", c.Name, c.Host, c.Power, c.Mode, c.State))
	}
	return strings.Join(lines, ", ")
}

// heal takes every trouble away and does what an admin does after it.
func (p *player) heal() {
	p.release(true)
	p.endHang() // one that came late
	p.countFaults()
	p.tryPost("DELETE", "/faults", nil)
	for _, h := range p.hosts {
		p.powerOn(h)
		p.join(h)
	}
	if p.engine == nil || !running(p.engine) {
		p.bringUp()
	}
	p.remedies()
	p.healed = true
	p.tell("everything is mended")
}

func pause() { <-time.After(100 * time.Millisecond) }

// tryPost asks the control port; what it refuses is an answer.
func (p *player) tryPost(method, path string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(method, "http://"+p.control+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= 300 {
		words, _ := io.ReadAll(answer.Body)
		return errors.New(strings.TrimSpace(string(words)))
	}
	return nil
}
