package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/people"
)

// told is what a generic webhook gets.
type told struct {
	ID      string   `json:"id"`
	Kind    string   `json:"kind"`
	Plan    string   `json:"plan"`
	Subject string   `json:"subject"`
	Text    string   `json:"text"`
	Urgent  bool     `json:"urgent"`
	To      []string `json:"to"`
	Episode string   `json:"episode"`
}

// audience is who is told in a world: a webhook, Teams, a mailbox, and somebody
// who listens for a heartbeat.
type audience struct {
	*world
	hook, teams, heart *people.Web
	mail               *people.Mail
}

// alertsFile is the world's configuration of alerts; quiet is a line, or nothing.
// The lab's minute is a second: what has to last five minutes lasts five seconds.
const alertsFile = `alerts:
  to: [hook, teams]
  repeat: 20m
  %s
  heartbeat: {secret: "file:secrets/heart", every: 1s, ca: web.pem}
  channels:
    - {name: hook, webhook: {secret: "file:secrets/hook", ca: web.pem}}
    - {name: teams, teams: {secret: "file:secrets/teams", ca: web.pem}}
    - name: desk
      mail: {server: "%s", from: lifeboat@x.example, to: [desk@x.example], user: lifeboat, secret: "file:secrets/mail", ca: mail.pem}
  people:
    - {name: Dana, channels: [desk], mail: dana@x.example}
`

func newAudience(t *testing.T, environment string) *audience {
	t.Helper()
	a := &audience{world: newWorld(t, environment, 60), hook: people.NewWeb(false), teams: people.NewWeb(false), heart: people.NewWeb(false)}
	var err error
	if a.mail, err = people.NewMail(people.StartTLS, "lifeboat", "s3cret-mail"); err != nil {
		t.Fatal(err)
	}
	for _, end := range []func(){a.hook.Close, a.teams.Close, a.heart.Close, a.mail.Close} {
		t.Cleanup(end)
	}
	for name, text := range map[string]string{
		"secrets/hook": a.hook.URL() + "/s3cret-hook", "secrets/teams": a.teams.URL() + "/s3cret-teams?sig=1", "secrets/heart": a.heart.URL() + "/s3cret-heart", "secrets/mail": "s3cret-mail",
		"web.pem": string(a.hook.CA()), "mail.pem": string(a.mail.CA()),
	} {
		if err := os.WriteFile(filepath.Join(a.site(), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a.configure("")
	return a
}

func (a *audience) configure(quiet string) {
	a.t.Helper()
	text := fmt.Sprintf(alertsFile, quiet, a.mail.Address())
	name := filepath.Join(a.site(), "alerts.yaml")
	if err := os.WriteFile(name+".new", []byte(text), 0o600); err != nil {
		a.t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		a.t.Fatal(err)
	}
}

// heard is what the webhook got, each message once, by its id.
func (a *audience) heard() (all []told) {
	a.t.Helper()
	seen := map[string]bool{}
	for _, r := range a.hook.Got() {
		var m told
		if err := json.Unmarshal(r.Body, &m); err != nil {
			a.t.Fatalf("%v: %s", err, r.Body)
		}
		if !seen[m.ID] {
			all = append(all, m)
		}
		seen[m.ID] = true
	}
	return all
}

func kindsOf(all []told) string {
	var kinds []string
	for _, m := range all {
		kinds = append(kinds, m.Kind)
	}
	return strings.Join(kinds, " ")
}

// hears waits until the last message is of a kind.
func (a *audience) hears(kind string) told {
	a.t.Helper()
	defer a.explain()
	var last told
	a.until("somebody is told: "+kind, func() error {
		all := a.heard()
		if len(all) == 0 || all[len(all)-1].Kind != kind {
			return fmt.Errorf("heard so far: %s", kindsOf(all))
		}
		last = all[len(all)-1]
		return nil
	})
	return last
}

// explain shows, after a failure, what the engine thinks that people know.
func (a *audience) explain() {
	if a.t.Failed() {
		a.t.Log(a.lifeboat("alerts", "list").out)
	}
}

func count(all []told, kind string) (n int) {
	for _, m := range all {
		if m.Kind == kind {
			n++
		}
	}
	return n
}

// The line to a host is cut: people are told once, with what it means and the
// command; told again after the time for it, also by an engine that was killed in
// between; and told once that it is over. A quiet estate, whose replicas are all
// off, says nothing.
func TestAlerts(t *testing.T) {
	a := newAudience(t, "pair")
	a.up()
	a.statusUntil(0, "READY")
	a.until("the heartbeat is heard", func() error {
		if len(a.heart.Got()) < 3 {
			return errNotYet
		}
		return nil
	})
	for _, c := range a.state().Copies {
		if c.Host == "HV-B" && c.Power != "Off" {
			t.Fatalf("the replica of %s is %s", c.Name, c.Power)
		}
	}
	if out := a.must(0, "alerts", "list").out; !strings.Contains(out, "Nothing is wrong") || !strings.Contains(out, "heartbeat") {
		t.Error(out)
	}
	if all := a.heard(); len(all) != 0 {
		t.Fatalf("all is well, and people were told: %+v", all)
	}

	// The engine dies when the message has arrived and it has not heard so: it is
	// sent again, under the same id.
	release := a.hook.Hold()
	a.post("/hosts/HV-A/cut", nil)
	a.hears("problem")
	a.kill()
	release()
	a.up()
	a.until("it arrives again", func() error {
		if len(a.hook.Got()) < 2 {
			return errNotYet
		}
		return nil
	})
	first := a.hears("problem")
	if first.Plan != "both" || !first.Urgent || !strings.Contains(first.Subject, "both: NOT READY if a is lost now") {
		t.Errorf("%+v", first)
	}
	for _, words := range []string{"- HV-A: it does not answer", "  Since       ", "  On the day  this may be the day, or only the line", "  Do          lifeboat decide both"} {
		if !strings.Contains(first.Text, words) {
			t.Errorf("no %q in\n%s", words, first.Text)
		}
	}
	a.wantCard("NOT READY if a is lost now")
	a.must(1, "alerts", "list")

	// Killed, and killed again: what was told is not told anew.
	a.kill()
	if r := a.must(6, "alerts", "list"); !r.says("No engine runs") || !r.says("HV-A: it does not answer") {
		t.Error(r.out)
	}
	a.up()
	a.kill()
	a.up()
	a.hears("repeat")
	if all := a.heard(); count(all, "problem") != 1 || count(all, "well") != 0 || count(all, "notice") != 0 {
		t.Errorf("heard: %s", kindsOf(all))
	}

	a.post("/hosts/HV-A/join", nil)
	a.resumeUntilWell("HV-A")
	well := a.hears("well")
	if well.Episode != first.Episode || !strings.Contains(well.Subject, "both: READY again") || !strings.Contains(well.Text, "over: HV-A: it does not answer") {
		t.Errorf("%+v", well)
	}
	a.must(0, "alerts", "list")
	if all := a.heard(); count(all, "problem") != 1 || count(all, "well") != 1 {
		t.Errorf("heard: %s", kindsOf(all))
	}
	a.noSecretAnywhere()
}

// resumeUntilWell takes VMs out of the error that Hyper-V left them in.
func (w *world) resumeUntilWell(host string) {
	w.t.Helper()
	w.until("the backlog has drained", func() error {
		for _, c := range w.state().Copies {
			if c.Host == host && c.State == "Error" {
				w.post("/vms/"+c.VM+"@"+host+"/resume", nil)
			}
		}
		if r := w.lifeboat("status"); r.code != 0 {
			return errors.New(r.out)
		}
		return nil
	})
}

// wantCard wants the words in an Adaptive Card that Teams got.
func (a *audience) wantCard(words string) {
	a.t.Helper()
	a.until("Teams has a card", func() error {
		for _, r := range a.teams.Got() {
			if strings.Contains(string(r.Body), words) && strings.Contains(string(r.Body), `"application/vnd.microsoft.card.adaptive"`) {
				return nil
			}
		}
		return errNotYet
	})
}

// noSecretAnywhere looks for what must be in no log, history or journal.
func (a *audience) noSecretAnywhere() {
	a.t.Helper()
	entries, err := os.ReadDir(a.data())
	if err != nil {
		a.t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(a.data(), e.Name()))
		if err == nil && strings.Contains(string(text), "s3cret-") {
			a.t.Errorf("%s holds a secret", e.Name())
		}
	}
}

// A channel that fails is tried again, and that is said where people look; quiet
// hours hold what can wait and drop nothing; a silence is kept.
func TestAlertsThatCannotBeSentNow(t *testing.T) {
	a := newAudience(t, "pair")
	a.teams.Answers(http.StatusForbidden, "no /s3cret-teams")
	now := time.Now().UTC()
	quiet := fmt.Sprintf(`quiet: {from: "%s", to: "%s"}`, now.Add(-time.Hour).Format("15:04"), now.Add(2*time.Hour).Format("15:04"))
	a.configure(quiet)
	a.up()
	a.statusUntil(0, "READY")

	a.post("/hosts/HV-B/fill?percent=97", nil)
	a.until("quiet hours hold it", func() error {
		if r := a.lifeboat("alerts", "list"); r.code != 1 || !r.says("quiet hours hold 1 until") || !r.says("the volume of its replicas") {
			return fmt.Errorf("exit %d: %s", r.code, r.out)
		}
		return nil
	})
	a.kill()
	a.up()
	if all := a.heard(); len(all) != 0 {
		t.Errorf("told in quiet hours: %+v", all)
	}
	a.configure("")
	held := a.hears("problem")
	if held.Urgent || !strings.Contains(held.Text, "the volume of its replicas") {
		t.Errorf("%+v", held)
	}
	a.until("the failing channel is shown", func() error {
		if r := a.lifeboat("status"); !r.says("!! Alerts: teams fails since") {
			return errors.New(r.out)
		}
		return nil
	})
	if out := a.must(1, "alerts", "list").out; !strings.Contains(out, "403 Forbidden") || strings.Contains(out, "s3cret") {
		t.Error(out)
	}
	a.must(3, "alerts", "test", "teams")
	a.teams.Answers(http.StatusAccepted, "")
	a.wantCard("NOT READY if a is lost now")
	if got := len(a.teams.Got()); got != 1 {
		t.Errorf("Teams got %d messages", got)
	}
	a.must(0, "alerts", "test")
	a.must(2, "alerts", "test", "nobody")
	a.must(0, "alerts", "test", "dana")
	letters := a.mail.Got()
	if to := letters[len(letters)-1].To; !slices.Equal(to, []string{"dana@x.example"}) {
		t.Errorf("the test for Dana went to %v", to)
	}

	a.post("/hosts/HV-B/fill?percent=0", nil)
	a.hears("well")
	a.must(4, "alerts", "silence", "both", "--for", "1h")
	a.must(0, "alerts", "silence", "both", "--for", "1h", "--reason", "new disks", "--dry-run")
	a.must(0, "alerts", "silence", "both", "--for", "1h", "--reason", "new disks")
	a.post("/hosts/HV-B/fill?percent=97", nil)
	a.until("it is known, and nobody is told", func() error {
		if r := a.lifeboat("alerts", "list"); !r.says("both until") || !r.says("Nobody was told yet") {
			return errors.New(r.out)
		}
		return nil
	})
	if all := a.heard(); count(all, "problem") != 1 {
		t.Errorf("heard: %s", kindsOf(all))
	}
	a.must(0, "alerts", "silence", "both", "--end")
	a.until("told after the silence", func() error {
		if all := a.heard(); count(all, "problem") != 2 {
			return errors.New(kindsOf(all))
		}
		return nil
	})
	a.noSecretAnywhere()
}

// A run that waits for a person tells whom it waits for, and its notices and
// late answers reach the people they name.
func TestAlertsOfARunThatWaits(t *testing.T) {
	a := newAudience(t, "pair")
	name := filepath.Join(a.site(), "plans.yaml")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(text), "steps:\n") + len("steps:\n")
	indent := string(text[at : at+strings.Index(string(text[at:]), "-")])
	steps := indent + "- manual: {name: declare, text: \"Move a now?\", owner: Dana, within: 3m, escalate: [Dana, owner]}\n" +
		indent + "- notice: {text: \"We move to b.\", to: [Dana]}\n"
	if err := os.WriteFile(name, []byte(string(text[:at])+steps+string(text[at:])), 0o600); err != nil {
		t.Fatal(err)
	}
	a.up()
	a.statusUntil(0, "READY")
	a.must(0, "failover", "both", "--planned", "--yes", "--detach")
	a.letter("Dana's question", "waits for a person", "Move a now?", "lifeboat run show both")
	a.kill()
	a.up()
	a.letter("the late answer", "LATE", "Move a now?")
	// owner is nobody that the configuration knows: everybody hears it.
	late := a.hears("notice")
	if !strings.Contains(late.Text, "LATE  plan both, step 1") || !slices.Contains(late.To, "owner") {
		t.Errorf("%+v", late)
	}
	a.must(0, "run", "approve", "both")
	a.letter("the notice", "We move to b.")
	a.letter("it waits no more", "waits for nobody any more")
	if s := a.awaitEnd("both"); s.Verdict != "done" {
		t.Errorf("the run ended %s", s.Verdict)
	}
	for _, words := range []string{"Move a now?", "We move to b.", "LATE"} {
		if n := a.letters(words); words != "Move a now?" && n != 1 {
			t.Errorf("%d mails say %q", n, words)
		}
	}
	if n := a.letters("waits for a person"); n != 1 {
		t.Errorf("%d mails of one question", n)
	}
	// While it was run nobody was told that the plan was not ready.
	for _, m := range a.heard() {
		if m.Kind == "problem" && strings.Contains(m.Subject, "NOT READY") {
			t.Errorf("%+v", m)
		}
	}
	a.noSecretAnywhere()
}

var messageID = regexp.MustCompile(`(?mi)^Message-ID: *(\S+)`)

// letters counts mails to Dana with all words; quoted lines are joined. An engine that
// is killed between sending one and writing that down sends it again under its own
// id: that is the same mail.
func (a *audience) letters(words ...string) int {
	ids := map[string]bool{}
	for _, l := range a.mail.Got() {
		text := strings.ReplaceAll(string(l.Data), "=\r\n", "")
		all := slices.Equal(l.To, []string{"dana@x.example"}) && l.TLS && l.User == "lifeboat"
		for _, w := range words {
			all = all && strings.Contains(text, w)
		}
		if all {
			ids[messageID.FindString(text)] = true
		}
	}
	if ids[""] {
		a.t.Error("a mail has no id")
	}
	return len(ids)
}

func (a *audience) letter(what string, words ...string) {
	a.t.Helper()
	defer a.explain()
	a.until("Dana has mail: "+what, func() error {
		if a.letters(words...) == 0 {
			return fmt.Errorf("%d mails", len(a.mail.Got()))
		}
		return nil
	})
}
