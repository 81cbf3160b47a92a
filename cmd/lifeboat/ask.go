package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"
)

// asker asks a person, line by line. What is typed wrong is said and asked again.
type asker struct {
	terminal
	lines *bufio.Reader
	// hidden reads a line that the screen does not show.
	hidden func(context.Context) (string, error)
}

// errNobody is that there is nobody to answer, or that who did has had enough.
var errNobody = errors.New("nobody answers")

func newAsker(t terminal) *asker {
	a := &asker{terminal: t, lines: bufio.NewReader(t.in)}
	a.hidden = a.unseen
	return a
}

// asking is true where somebody sits at the terminal and could be asked.
func asking(t terminal, asJSON bool) bool { return !asJSON && t.interactive() }

// waitFor ends a read that nobody answers when the person stops (Ctrl-C): a read of a
// terminal knows no context.
func waitFor(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	came := make(chan answer, 1)
	go func() {
		text, err := read()
		came <- answer{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", errNobody
	case a := <-came:
		if a.err != nil && a.text == "" {
			return "", errNobody
		}
		return a.text, nil
	}
}

// line asks one question; what surrounds the answer does not count.
func (a *asker) line(ctx context.Context, question string) (string, error) {
	_, _ = fmt.Fprint(a.out, question)
	text, err := waitFor(ctx, func() (string, error) { return a.lines.ReadString('\n') })
	if err != nil {
		a.say("")
		return "", err
	}
	return strings.TrimSpace(text), nil
}

// until asks one question until the answer is taken.
func (a *asker) until(ctx context.Context, question string, take func(string) error) error {
	for {
		text, err := a.line(ctx, question)
		if err != nil {
			return err
		}
		if err := take(text); err == nil {
			return nil
		} else if errors.Is(err, errNobody) || isFailure(err) {
			return err
		} else {
			a.wrapped("  ", 2, err.Error())
		}
	}
}

func isFailure(err error) bool {
	var f *failure
	return errors.As(err, &f)
}

// choose asks for one of some letters; an empty answer is the first.
func (a *asker) choose(ctx context.Context, question, letters string) (letter string, err error) {
	err = a.until(ctx, question, func(text string) error {
		letter = strings.ToLower(text)
		if letter == "" {
			letter = letters[:1]
		}
		if letter = letter[:1]; !strings.Contains(letters, letter) {
			return fmt.Errorf("%q is none of %s", plain(text), strings.Join(strings.Split(letters, ""), ", "))
		}
		return nil
	})
	return letter, err
}

// password asks for something that the screen does not show.
func (a *asker) password(ctx context.Context, question string) (string, error) {
	for {
		_, _ = fmt.Fprint(a.out, question)
		text, err := a.hidden(ctx)
		a.say("")
		if err != nil {
			return "", err
		}
		if text != "" {
			return text, nil
		}
		a.say("  nothing was typed")
	}
}

// unseen reads a line without an echo, and leaves the screen as it was also when the
// person stops.
func (a *asker) unseen(ctx context.Context) (string, error) {
	f, ok := a.in.(*os.File)
	if !ok {
		return "", errNobody
	}
	was, err := term.GetState(int(f.Fd()))
	if err != nil {
		return "", errNobody
	}
	text, err := waitFor(ctx, func() (string, error) {
		text, err := term.ReadPassword(int(f.Fd()))
		return string(text), err
	})
	if err != nil {
		_ = term.Restore(int(f.Fd()), was)
	}
	return text, err
}

// listed are the names of an answer, by commas: names may hold spaces.
func listed(text string) (names []string) {
	for _, name := range strings.Split(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}
