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

// fold breaks text at spaces so that no line is longer than max; words that
// are longer stand alone. Line breaks in the text stay.
func fold(text string, max int) []string {
	var lines []string
	for _, paragraph := range strings.Split(text, "\n") {
		line := ""
		for _, word := range strings.Fields(paragraph) {
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
