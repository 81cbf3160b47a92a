package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// width is the narrowest screen the text must read well on: a KVM console at
// 3 am.
const width = 78

// terminal is where the program reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// interactive is true when a person sits at both ends.
func (t terminal) interactive() bool { return isTerminal(t.in) && isTerminal(t.out) }

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (t terminal) say(format string, args ...any) {
	_, _ = fmt.Fprintf(t.out, format+"\n", args...)
}

// json prints a value as JSON, indented, with stable field names.
func (t terminal) json(v any) error {
	e := json.NewEncoder(t.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// wrapped prints text under a heading column, folded to the width.
func (t terminal) wrapped(head string, indent int, text string) {
	for i, line := range fold(text, width-indent) {
		if i > 0 {
			head = ""
		}
		t.say("%-*s%s", indent, head, line)
	}
}

// hanging prints text whose own spaces matter, such as a name in a column;
// lines that are too long go on below it.
func (t terminal) hanging(head string, indent int, text string) {
	if len([]rune(text)) <= width-indent {
		t.say("%-*s%s", indent, head, text)
		return
	}
	name, rest, _ := strings.Cut(text, " ")
	t.wrapped(head+fmt.Sprintf("%-10s ", name), indent+11, strings.TrimSpace(rest))
}

// fold breaks text at spaces so that no line is longer than max; words that
// are longer stand alone. Line breaks in the text stay.
func fold(text string, max int) []string {
	var lines []string
	for _, paragraph := range strings.Split(text, "\n") {
		line := ""
		for _, word := range words(paragraph, max) {
			switch {
			case line == "":
				line = word
			case len([]rune(line))+1+len([]rune(word)) > max:
				lines = append(lines, line)
				line = word
			default:
				line += " " + word
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// words takes text apart at spaces, and words that no line holds anywhere; an
// address stays whole so that it can be copied.
func words(text string, max int) []string {
	var all []string
	for _, word := range strings.Fields(text) {
		r := []rune(word)
		for len(r) > max && max > 0 && !strings.Contains(word, "://") {
			all, r = append(all, string(r[:max])), r[max:]
		}
		all = append(all, string(r))
	}
	return all
}

// plain makes a name safe to print: control characters are shown, not sent to
// the terminal.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '\u00b7'
		}
		return r
	}, name)
}
