package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
)

func planEditCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "edit", Usage: "change a file of the configuration in your editor ($VISUAL, $EDITOR); it is replaced only by one that adds no error", ArgsUsage: "[FILE|PLAN]",
		Flags:  []cli.Flag{configFlag, dataFlag, dryRunFlag},
		Action: func(c *cli.Context) error { return editPlan(t, c) },
	}
}

func editPlan(t terminal, c *cli.Context) error {
	if c.Args().Len() > 1 {
		return usage("plan edit takes one argument (a file or a plan), got %d: %q", c.Args().Len(), c.Args().Slice())
	}
	files, err := worker.ReadFiles(c.String("config"))
	if err != nil {
		return &failure{exitUsage, err}
	}
	file, err := fileToEdit(files, c.Args().First())
	if err != nil {
		return err
	}
	if !asking(t, false) {
		return usage("plan edit needs a terminal. Edit %s as you like, and say lifeboat plan validate", file.Name)
	}
	e := &planEdit{asker: newAsker(t), files: files, was: file, dry: c.Bool("dry-run")}
	if err := e.begin(); err != nil {
		return fail(exitRefused, "REFUSED  %v. Nothing was changed.", err)
	}
	return e.run(c.Context)
}

// fileToEdit is the file that somebody means: by its name, by a plan in it, or the
// only one there is.
func fileToEdit(files []plans.File, means string) (plans.File, error) {
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.Name
	}
	fit := plans.FilesWithPlan(files, means)
	if means != "" {
		for _, name := range names {
			if filepath.Clean(means) == filepath.Clean(name) || means == filepath.Base(name) {
				fit = []string{name}
			}
		}
	} else if len(files) == 1 {
		fit = names
	}
	if len(fit) != 1 {
		return plans.File{}, usage("plan edit needs to know which file: name one of %s, or a plan", strings.Join(names, ", "))
	}
	return files[slices.Index(names, fit[0])], nil
}

// planEdit is one file in somebody's editor: they write into a copy.
type planEdit struct {
	*asker
	files []plans.File
	was   plans.File
	copy  string
	dry   bool
}

// begin makes the copy, where no reader of configurations looks: names that begin
// with a dot are passed over.
func (e *planEdit) begin() error {
	f, err := os.CreateTemp(filepath.Dir(e.was.Name), ".edit-*-"+filepath.Base(e.was.Name))
	if err != nil {
		return err
	}
	_, err = f.Write(e.was.Data)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	e.copy = f.Name()
	return nil
}

func (e *planEdit) drop() { _ = os.Remove(e.copy) }

// kept is an end without a change that leaves what was typed.
func (e *planEdit) kept(format string, args ...any) error {
	return fail(exitRefused, "REFUSED  %s. Nothing was changed. What you wrote is in %s", fmt.Sprintf(format, args...), e.copy)
}

func (e *planEdit) run(ctx context.Context) error {
	for {
		if err := openEditor(e.terminal, e.copy); err != nil {
			return e.kept("%v", err)
		}
		text, err := os.ReadFile(e.copy)
		if err != nil {
			return fail(exitRefused, "REFUSED  %v. Nothing was changed.", err)
		}
		if bytes.Equal(text, e.was.Data) {
			e.drop()
			e.say("Nothing was changed.")
			return nil
		}
		names, left, err := e.take(text)
		var invalid plans.Errors
		switch {
		case errors.As(err, &invalid):
		case err != nil:
			return e.kept("%v", err)
		default:
			e.drop()
			e.showTaken(names, left)
			return nil
		}
		e.say("%v", err)
		e.say("")
		letter, err := e.choose(ctx, "Not valid, so nothing was changed.  [e] edit again  [d] drop what you wrote: ", "ed")
		if err != nil {
			return e.kept("you stopped")
		}
		if letter == "d" {
			e.drop()
			return fail(exitRefused, "REFUSED  dropped. Nothing was changed.")
		}
	}
}

// take puts what was written in the place of the file, if that adds no error; left
// is what was wrong before and stays so.
func (e *planEdit) take(text []byte) (names []string, left plans.Errors, err error) {
	changed := []plans.File{{Name: e.was.Name, Data: text}}
	if e.dry {
		left, err = plans.CheckRewrite(e.files, changed)
		return nil, left, err
	}
	return worker.EditFiles(e.files, changed)
}

func (e *planEdit) showTaken(names []string, left plans.Errors) {
	for _, name := range names {
		e.say("Wrote %s (before: %s.before)", name, name)
	}
	switch {
	case len(left) > 0:
		e.showLeft(left)
		if e.dry {
			e.say("Dry run: it would be taken. Nothing was changed.")
		}
		return
	case e.dry:
		e.say("Dry run: it is valid. Nothing was changed.")
		return
	}
	e.say("An engine that runs reads it by itself. Next: lifeboat check")
}

// showLeft says what is still to be mended, and in which files.
func (e *planEdit) showLeft(left plans.Errors) {
	e.say("%v", left)
	e.wrapped("", 0, "That was wrong before. Until all is mended, an engine that runs goes on with the configuration that it has. Next:")
	var names []string
	for _, one := range left {
		if !slices.Contains(names, one.File) && slices.ContainsFunc(e.files, func(f plans.File) bool { return f.Name == one.File }) {
			names = append(names, one.File)
			e.say("  lifeboat plan edit %s", shellWord(one.File))
		}
	}
	if len(names) == 0 {
		e.say("  lifeboat plan validate")
	}
}

// openEditor opens a file in the person's editor and waits until they are done. What
// Ctrl-C means there is the editor's affair.
func openEditor(t terminal, path string) error {
	words := editorWords(os.Getenv)
	cmd := exec.Command(words[0], append(words[1:], path)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = t.in, t.out, t.err
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the editor (%s) did not end well: %w", strings.Join(words, " "), err)
	}
	return nil
}

// editorWords are the editor and its own arguments. A path with spaces is one word
// when there is such a program.
func editorWords(env func(string) string) []string {
	for _, name := range []string{"VISUAL", "EDITOR"} {
		text := strings.TrimSpace(env(name))
		if text == "" {
			continue
		}
		if _, err := exec.LookPath(text); err == nil {
			return []string{text}
		}
		return strings.Fields(text)
	}
	if runtime.GOOS == "windows" {
		return []string{"notepad"}
	}
	return []string{"vi"}
}
