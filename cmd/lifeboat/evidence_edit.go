package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
)

// simpleEdits are facts that are one text each.
var simpleEdits = []struct{ flag, field, usage string }{
	{"lead", plans.EditLead, "who led the run"},
	{"observer", plans.EditObserver, "who observed, or none; may be repeated"},
	{"third-party", plans.EditThirdParty, "which third party took part, or none; may be repeated"},
	{"communication", plans.EditCommunication, "did communication and escalation work?"},
	{"note", plans.EditNote, "anything else"},
	{"reviewer", plans.EditReviewed, "who reviewed the report"},
	{"acknowledged", plans.EditAcknowledged, "who acknowledged it for the management"},
}

// texts is a flag that may be repeated. The library's own list breaks a text at
// its commas.
type texts []string

func (t *texts) Set(text string) error {
	*t = append(*t, text)
	return nil
}

func (t *texts) String() string { return strings.Join(*t, "; ") }

func textsOf(c *cli.Context, flag string) []string {
	if t, ok := c.Generic(flag).(*texts); ok {
		return *t
	}
	return nil
}

func reportEditCommand(t terminal) *cli.Command {
	flags := []cli.Flag{dataFlag, outputFlag, byFlag, dryRunFlag}
	for _, e := range simpleEdits {
		flags = append(flags, &cli.GenericFlag{Name: e.flag, Usage: e.usage, Value: new(texts)})
	}
	return &cli.Command{
		Name: "edit", Usage: "add what only people know; nothing that was said is changed", ArgsUsage: "REPORT",
		Flags: append(flags,
			&cli.GenericFlag{Name: "integrity", Usage: "VM=what was looked at and what it showed; may be repeated", Value: new(texts)},
			&cli.IntFlag{Name: "step", Usage: "evidence for this manual step, with --text or --file"},
			&cli.StringFlag{Name: "text", Usage: "the words for --step or --about"},
			&cli.StringFlag{Name: "finding", Usage: "a new finding"},
			&cli.StringFlag{Name: "about", Usage: "a finding of the report (F1)"},
			&cli.StringFlag{Name: "severity", Usage: "of the finding: major, minor, observation"},
			&cli.StringFlag{Name: "owner", Usage: "who does something about the finding"},
			&cli.StringFlag{Name: "action", Usage: "what is done about the finding"},
			&cli.StringFlag{Name: "due", Usage: "until when: 2027-01-31"},
			&cli.StringFlag{Name: "state", Usage: "of the finding: open, closed"},
			&cli.StringFlag{Name: "file", Usage: "a file that shows it: its name and SHA-256 are kept, you keep the file"},
		),
		Action: func(c *cli.Context) error {
			return withReport(c, func(ref string) error { return editReport(t, c, ref) })
		},
	}
}

func editReport(t terminal, c *cli.Context, ref string) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	_, e, err := evidenceOf(c, ref)
	if err != nil {
		return err
	}
	edits, err := editsOf(c, e)
	if err != nil {
		return err
	}
	if len(edits) == 0 {
		showBlanks(t, e)
		return usage("nothing to add was given")
	}
	for _, edit := range edits {
		if err := plans.CheckEdit(e, edit); err != nil {
			return usage("%v. Nothing was written", err)
		}
	}
	for _, edit := range edits {
		if c.Bool("dry-run") {
			break
		}
		err := worker.EditReport(c.Context, c.String("data"), e.Number, edit)
		if errors.Is(err, worker.ErrEditRefused) {
			return fail(exitRefused, "REFUSED  %v", err)
		}
		if err != nil {
			return journalError(err)
		}
	}
	if asJSON {
		return t.json(edits)
	}
	word := "Added to"
	if c.Bool("dry-run") {
		word = "Dry run, nothing was written. Would be added to"
	}
	for _, edit := range edits {
		t.wrapped("", 0, fmt.Sprintf("%s %s by %s: %s", word, e.Number, plain(edit.By), plain(edit.Words())))
	}
	if c.Bool("dry-run") {
		return nil
	}
	_, e, err = evidenceOf(c, e.Number) // last may be another by now
	if err != nil {
		return err
	}
	showEvidenceHead(t, e)
	return nil
}

// editsOf are all that the flags add, each an entry of its own.
func editsOf(c *cli.Context, e plans.Evidence) ([]plans.ReportEdit, error) {
	var edits []plans.ReportEdit
	add := func(edit plans.ReportEdit) {
		edit.By = who(c)
		edits = append(edits, edit)
	}
	for _, s := range simpleEdits {
		for _, text := range textsOf(c, s.flag) {
			add(plans.ReportEdit{Field: s.field, Text: text})
		}
	}
	file, hash, err := fileOf(c)
	if err != nil {
		return nil, err
	}
	for _, text := range textsOf(c, "integrity") {
		vm, words, ok := strings.Cut(text, "=")
		if !ok {
			return nil, usage("--integrity is %q: write VM=what was looked at and what it showed", text)
		}
		add(plans.ReportEdit{Field: plans.EditIntegrity, VM: strings.TrimSpace(vm), Text: strings.TrimSpace(words), File: file, Hash: hash})
	}
	if c.IsSet("step") {
		add(plans.ReportEdit{Field: plans.EditStep, Step: c.Int("step"), Text: c.String("text"), File: file, Hash: hash})
	}
	finding, err := findingOf(c, e)
	if err != nil {
		return nil, err
	}
	if finding.Field != "" {
		finding.File, finding.Hash = file, hash
		add(finding)
	}
	shown := c.IsSet("step") || finding.Field != "" || c.IsSet("integrity")
	if file != "" && !shown {
		return nil, usage("--file goes with --integrity, --step, --finding or --about")
	}
	return edits, nil
}

func findingOf(c *cli.Context, e plans.Evidence) (plans.ReportEdit, error) {
	edit := plans.ReportEdit{
		Text: c.String("finding"), Severity: c.String("severity"), Owner: c.String("owner"), Action: c.String("action"),
		Due: c.String("due"), State: c.String("state"),
	}
	about := c.String("about")
	switch {
	case c.IsSet("finding") && c.IsSet("about"):
		return edit, usage("--finding is a new one, --about one that is there: give one of them")
	case !c.IsSet("finding") && !c.IsSet("about"):
		for _, flag := range []string{"severity", "owner", "action", "due", "state"} {
			if c.IsSet(flag) {
				return edit, usage("--%s goes with --finding or --about", flag)
			}
		}
		return plans.ReportEdit{}, nil
	}
	edit.Field = plans.EditFinding
	if about == "" {
		return edit, nil
	}
	edit.Text = c.String("text")
	for _, f := range e.Findings {
		if strings.EqualFold(f.ID, about) || f.Key == about {
			edit.About = f.Key
			return edit, nil
		}
	}
	return edit, usage("--about %q: the report has no such finding; see lifeboat report show %s", about, e.Number)
}

func fileOf(c *cli.Context) (name, hash string, err error) {
	path := c.String("file")
	if path == "" {
		return "", "", nil
	}
	file, err := os.Open(path)
	if err != nil {
		return "", "", usage("--file: %v", err)
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New() // a film of a screen may be larger than memory
	if _, err := io.Copy(sum, file); err != nil {
		return "", "", usage("--file: %v", err)
	}
	return filepath.Base(path), hex.EncodeToString(sum.Sum(nil)), nil
}

// blankFlags say by which flag a blank is filled.
var blankFlags = map[string]string{
	"people.lead": "--lead NAME", "people.observers": "--observer NAME", "people.third_parties": "--third-party NAME",
	"people.communication": "--communication TEXT", "result.integrity": "--integrity VM=TEXT",
	"signoff.reviewed": "--reviewer NAME", "signoff.acknowledged": "--acknowledged NAME",
}

// showBlanks lists what can still be filled, and how.
func showBlanks(t terminal, e plans.Evidence) {
	needed, other := e.Missing()
	for _, f := range append(needed, other...) {
		if flag := blankFlags[f.Key]; flag != "" {
			t.wrapped(fmt.Sprintf("  %-24s", flag), 26, plain(f.Missing))
		}
	}
	t.wrapped(fmt.Sprintf("  %-24s", "--finding TEXT"), 26, "a new finding; --about F1 for one that is there, with --owner, --due, --action, --state")
	t.wrapped(fmt.Sprintf("  %-24s", "--step N"), 26, "evidence for a manual step, with --text or --file")
}
