package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

func orphansCommand(t terminal) *cli.Command {
	reading := []cli.Flag{configFlag, dataFlag, outputFlag}
	acting := []cli.Flag{configFlag, dataFlag, outputFlag, byFlag, reasonFlag, dryRunFlag,
		&cli.BoolFlag{Name: "yes", Usage: "ask nothing: the ids are the answer"}}
	word := &cli.StringFlag{Name: "word", Usage: "the word that a finding takes beside its id (only-copy, vault-gone)"}
	policy := &cli.BoolFlag{Name: "by-policy", Usage: "clean all of the kinds that the configuration names"}
	return &cli.Command{Name: "orphans", Usage: "what replication left behind: look, clean, take back", Subcommands: []*cli.Command{
		{
			Name: "scan", Usage: "read every host and say what is left behind; changes nothing", Flags: append([]cli.Flag{byFlag}, reading...),
			Action: func(c *cli.Context) error { return scanOrphans(t, c) },
		},
		{
			Name: "show", Usage: "one finding: evidence, risk, Hyper-V's own commands", ArgsUsage: "ID", Flags: reading,
			Action: func(c *cli.Context) error { return showOrphan(t, c) },
		},
		{
			Name: "clean", Usage: "clean findings of the last scan, one after the other, and verify each", ArgsUsage: "ID...", Flags: append([]cli.Flag{word, policy}, acting...),
			Action: func(c *cli.Context) error { return cleanOrphans(t, c) },
		},
		{
			Name: "undo", Usage: "take a clean-up back: files out of quarantine, an entry put back", ArgsUsage: "ID", Flags: acting,
			Action: func(c *cli.Context) error { return undoOrphan(t, c) },
		},
	}}
}

// exitOfOrphans: a finding is one whoever may clean it; a host that was not read
// hides what is there.
func exitOfOrphans(p plans.OrphanPicture) int {
	switch {
	case len(p.Findings) > 0:
		return exitFinding
	case len(p.Unread()) > 0:
		return exitUnknown
	}
	return exitOK
}

func scanOrphans(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	if err := none(c); err != nil {
		return err
	}
	_, client, err := dial(c)
	if err != nil {
		return err
	}
	defer client.Close()
	s, err := client.ScanOrphans(c.Context, who(c))
	if err != nil {
		return fail(exitNoAccess, "the hosts could not be looked at: %v", err)
	}
	code := exitOfOrphans(s.Picture)
	if asJSON {
		return errors.Join(t.json(s), quietly(code))
	}
	showOrphans(t, s.Picture)
	return quietly(code)
}

// quietShown is how many things that are not offered a scan shows.
const quietShown = 12

func showOrphans(t terminal, p plans.OrphanPicture) {
	tally := plans.OrphanTally(p)
	t.wrapped("", 0, strings.ToUpper(tally[:1])+tally[1:]+".")
	for _, h := range p.Hosts {
		if !h.Read {
			t.wrapped("! ", 2, h.Host+" was not read: "+plain(h.Why)+". What may be there does not count as gone.")
		}
	}
	for i := range p.Findings {
		f := &p.Findings[i]
		t.say("")
		t.wrapped(f.ID+"  ", 12, orphanLine(f))
		if f.OnlyCopy {
			t.wrapped("", 12, onlyCopy(f))
		}
		if f.Verb == "" {
			t.wrapped("", 12, "A person first: "+plain(f.Person))
		}
	}
	if len(p.Kept) > 0 {
		t.say("")
		t.say("In quarantine")
	}
	for _, q := range p.Kept {
		kept := "kept"
		if q.Original != "" {
			kept = "can be taken back"
		}
		t.wrapped(q.ID+"  ", 12, fmt.Sprintf("%s at %s, %s, %s until %s", plain(q.Name), q.Host, plans.Bytes(q.Bytes), kept, q.Until.Local().Format(day)))
	}
	if len(p.Quiet) > 0 {
		t.say("")
		t.say("Not offered")
	}
	for i, q := range p.Quiet {
		if i == quietShown {
			t.say("  and %d more: --output json", len(p.Quiet)-i)
			break
		}
		t.wrapped("  ", 2, fmt.Sprintf("%s at %s, %s: %s", plain(q.Name), q.Host, q.Kind, plain(q.Why)))
	}
	if len(p.Findings) > 0 {
		t.say("")
		t.say("Evidence, risk, commands: lifeboat orphans show ID")
		t.say("Nothing was changed. Next: lifeboat orphans clean ID --dry-run")
	}
}

func orphanLine(f *plans.Orphan) string {
	text := fmt.Sprintf("%s: %s at %s", f.Kind, plain(f.Name), f.Host)
	if f.Bytes > 0 {
		text += ", " + plans.Bytes(f.Bytes).String()
	}
	if f.Age >= 0 {
		text += ", for " + orphanAge(f.Age.D())
	}
	return text
}

// onlyCopy says what was seen of a VM beside a finding.
func onlyCopy(f *plans.Orphan) string {
	if f.Kind == plans.OrphanRole {
		return "NO COPY of its VM was seen on any host"
	}
	return "this is the ONLY COPY of it that was seen on any host"
}

func orphanAge(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
	return span(d)
}

// lastScan is the sweep of which ids are named.
func lastScan(c *cli.Context) (*control.Client, plans.OrphanStatus, error) {
	_, client, err := dial(c)
	if err != nil {
		return nil, plans.OrphanStatus{}, err
	}
	s, err := client.Orphans(c.Context)
	if err != nil {
		client.Close()
		if errors.Is(err, control.ErrNoRun) {
			return nil, s, fail(exitRefused, "REFUSED  nobody has scanned yet: lifeboat orphans scan. Nothing was changed.")
		}
		return nil, s, fail(exitNoAccess, "the sweep cannot be read: %v", err)
	}
	return client, s, nil
}

func findOrphan(s plans.OrphanStatus, id string) (plans.Orphan, error) {
	f, ok := s.Picture.Find(id)
	if !ok {
		return f, fail(exitRefused, "REFUSED  the scan of %s has no finding %q: lifeboat orphans scan. Nothing was changed.", s.Looked.Local().Format(clock), id)
	}
	return f, nil
}

func showOrphan(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	id, err := one(c, "the id of a finding")
	if err != nil {
		return err
	}
	client, s, err := lastScan(c)
	if err != nil {
		return err
	}
	client.Close()
	f, err := findOrphan(s, id)
	if err != nil {
		return err
	}
	if asJSON {
		return t.json(f)
	}
	t.wrapped("", 0, f.ID+"  "+orphanLine(&f))
	t.say("Seen %s", s.Looked.Local().Format(day))
	tellOrphan(t, &f)
	return nil
}

func tellOrphan(t terminal, f *plans.Orphan) {
	for i, e := range f.Evidence {
		head := "  seen    "
		if i > 0 {
			head = ""
		}
		t.wrapped(head, 10, plain(e))
	}
	if f.OnlyCopy {
		t.wrapped("  copies  ", 10, onlyCopy(f))
	}
	t.wrapped("  risk    ", 10, plain(f.Risk))
	if f.Verb == "" {
		t.wrapped("  person  ", 10, plain(f.Person))
	} else {
		words := "lifeboat orphans clean " + f.ID
		if f.Word != "" {
			words += "   (takes the word " + f.Word + ")"
		}
		t.wrapped("  clean   ", 10, fmt.Sprintf("%s: %s", f.Verb, words))
	}
	t.wrapped("  undo    ", 10, plain(f.Undo))
	t.say("  by hand, on the host")
	for _, line := range f.Commands {
		t.say("    %s", plain(line)) // in one line: it is to be copied
	}
}

func cleanOrphans(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	ids := c.Args().Slice()
	if (len(ids) == 0) != c.Bool("by-policy") {
		return usage("name findings, or --by-policy: lifeboat orphans clean ID...")
	}
	client, s, err := lastScan(c)
	if err != nil {
		return err
	}
	defer client.Close()
	if c.Bool("by-policy") {
		for i := range s.Picture.Findings {
			if s.Picture.Findings[i].Policy {
				ids = append(ids, s.Picture.Findings[i].ID)
			}
		}
	}
	words := t
	if asJSON {
		words.out = t.err
	}
	chosen, err := agreeToClean(words, c, s, ids)
	if err != nil {
		return err
	}
	if c.Bool("dry-run") || len(chosen) == 0 {
		words.say("Nothing was changed.")
		if asJSON {
			return t.json(chosen)
		}
		return nil
	}
	done := []plans.OrphanClean{}
	for i, f := range chosen {
		r, err := answerOrphan(c, client, plans.Answer{Choice: plans.ChoiceClean, VM: f.ID, Word: f.Word})
		if err != nil {
			for _, left := range chosen[i+1:] {
				words.say("NOT TRIED  %s", left.ID)
			}
			if asJSON { // what was cleaned before it stays so
				err = errors.Join(err, t.json(done))
			}
			return err
		}
		tellClean(words, r)
		done = append(done, r)
	}
	return endOrphans(t, asJSON, done)
}

// agreeToClean shows what is to be done and has each id typed back, with its word
// where it takes one.
func agreeToClean(t terminal, c *cli.Context, s plans.OrphanStatus, ids []string) ([]plans.Orphan, error) {
	chosen := []plans.Orphan{}
	for _, id := range ids {
		f, err := findOrphan(s, id)
		if err != nil {
			return nil, err
		}
		if f.Verb == "" {
			return nil, fail(exitRefused, "REFUSED  %s is for a person: %s. Nothing was changed.", id, f.Person)
		}
		chosen = append(chosen, f)
	}
	in := bufio.NewReader(t.in)
	for _, f := range chosen {
		t.wrapped("", 0, f.ID+"  "+orphanLine(&f))
		tellOrphan(t, &f)
		if c.Bool("dry-run") {
			continue
		}
		if !c.Bool("yes") {
			if err := typed(t, in, f.ID, fmt.Sprintf("Type %s to clean it: ", f.ID)); err != nil {
				return nil, err
			}
		}
		if f.Word == "" || c.String("word") == f.Word {
			continue
		}
		if c.Bool("yes") {
			return nil, fail(exitRefused, "REFUSED  %s takes --word %s. Nothing was changed.", f.ID, f.Word)
		}
		if err := typed(t, in, f.Word, fmt.Sprintf("Type %s as well: ", f.Word)); err != nil {
			return nil, err
		}
	}
	return chosen, nil
}

func typed(t terminal, in *bufio.Reader, want, question string) error {
	_, _ = fmt.Fprint(t.out, question)
	line, _ := in.ReadString('\n')
	if strings.TrimSpace(line) != want {
		t.say("")
		return fail(exitRefused, "REFUSED  that is not %q. Nothing was changed.", want)
	}
	return nil
}

// cleanPoll is how often it is asked whether a clean-up has ended.
const cleanPoll = 300 * time.Millisecond

// answerOrphan gives an answer and waits for what becomes of it; who stops waiting
// stops nothing.
func answerOrphan(c *cli.Context, client *control.Client, a plans.Answer) (plans.OrphanClean, error) {
	a.By, a.Reason, a.Via = who(c), c.String("reason"), "cli"
	s, err := client.AnswerOrphans(c.Context, a)
	var no *control.NotAcceptedError
	switch {
	case errors.As(err, &no):
		return plans.OrphanClean{}, fail(exitRefused, "REFUSED  %s: %v. It is as it was.", a.VM, no)
	case err != nil:
		return plans.OrphanClean{}, fail(exitNoAccess, "the answer about %s may not have arrived: %v", a.VM, err)
	}
	at := len(s.Cleans) - 1
	for {
		if at < len(s.Cleans) && s.Cleans[at].Verdict != plans.VerdictRunning {
			return s.Cleans[at], nil
		}
		select {
		case <-c.Context.Done():
			return plans.OrphanClean{}, fail(exitAway, "you stopped watching; the clean-up of %s goes on.\n  Look again: lifeboat orphans scan", a.VM)
		case <-time.After(cleanPoll):
		}
		if s, err = client.Orphans(c.Context); err != nil {
			return plans.OrphanClean{}, fail(exitUnknown, "what became of %s cannot be read: %v.\n  The engine goes on with it when it is there. Then look again: lifeboat orphans scan", a.VM, err)
		}
	}
}

func tellClean(t terminal, r plans.OrphanClean) {
	t.wrapped(fmt.Sprintf("%-9s", strings.ToUpper(string(r.Verdict))), 9, fmt.Sprintf("%s of %s at %s. %s", r.Verb, plain(r.Orphan.Name), r.Orphan.Host, plain(r.Text)))
	if r.Verdict == plans.VerdictDone && r.Orphan.Undo != "" && (r.Verb == plans.VerbQuarantine || r.Verb == plans.VerbRemoveEntry) {
		t.wrapped("", 9, "Undo: "+plain(r.Orphan.Undo))
	}
}

// endOrphans ends with the worst of what became of them.
func endOrphans(t terminal, asJSON bool, done []plans.OrphanClean) error {
	code := exitOK
	for _, r := range done {
		code = max(code, exitOf(r.Verdict))
	}
	if asJSON {
		return errors.Join(t.json(done), quietly(code))
	}
	return quietly(code)
}

func undoOrphan(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	id, err := one(c, "the id of what was cleaned")
	if err != nil {
		return err
	}
	_, client, err := dial(c)
	if err != nil {
		return err
	}
	defer client.Close()
	s, err := client.ScanOrphans(c.Context, who(c)) // what is in quarantine, hosts know
	if err != nil {
		return fail(exitNoAccess, "the hosts could not be looked at: %v", err)
	}
	words := t
	if asJSON {
		words.out = t.err
	}
	undo, why := s.Undo(id)
	if why != "" {
		return fail(exitRefused, "REFUSED  %s. Nothing was changed.", why)
	}
	words.wrapped("", 0, undoWords(undo))
	if c.Bool("dry-run") {
		words.say("Nothing was changed.")
		if asJSON {
			return t.json([]plans.OrphanClean{undo})
		}
		return nil
	}
	if !c.Bool("yes") {
		if err := typed(words, bufio.NewReader(t.in), id, fmt.Sprintf("Type %s to take it back: ", id)); err != nil {
			return err
		}
	}
	r, err := answerOrphan(c, client, plans.Answer{Choice: plans.ChoiceUndo, VM: id})
	if err != nil {
		return err
	}
	tellClean(words, r)
	return endOrphans(t, asJSON, []plans.OrphanClean{r})
}

// undoWords say what an undo will do.
func undoWords(c plans.OrphanClean) string {
	if c.Verb == plans.VerbAddEntry {
		return fmt.Sprintf("%s takes replication from %s again.", c.Orphan.Host, plain(c.Orphan.Name))
	}
	return fmt.Sprintf("%s at %s goes back to %s.", plain(c.Orphan.Name), c.Orphan.Host, plain(c.Orphan.Paths[0]))
}
