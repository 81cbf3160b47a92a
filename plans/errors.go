package plans

import (
	"fmt"
	"regexp"
	"sort"
	"strings"
)

// File is one configuration file: its name is for messages.
type File struct {
	Name string
	Data []byte
}

// Error is one thing wrong with a configuration, where, and what to do.
type Error struct {
	File         string `json:"file"`
	Line, Column int    `json:"-"`
	// Field is the path of the value, "plans[0].steps[2].stage".
	Field   string `json:"field"`
	Problem string `json:"problem"`
	Remedy  string `json:"remedy"`
	// Snippet is the offending lines; "" where they could show a secret.
	Snippet string `json:"-"`
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: %s: %s", e.File, e.Line, e.Column, e.Field, e.Problem)
	if e.Snippet != "" {
		b.WriteString("\n" + e.Snippet)
	}
	if e.Remedy != "" {
		b.WriteString("\n    do: " + e.Remedy)
	}
	return b.String()
}

// Errors are all that is wrong with a configuration, in the order of the
// files and lines.
type Errors []*Error

func (e Errors) Error() string {
	lines := make([]string, 0, len(e)+1)
	if len(e) > 1 {
		lines = append(lines, fmt.Sprintf("%d errors in the configuration", len(e)))
	}
	for _, one := range e {
		lines = append(lines, one.Error())
	}
	return strings.Join(lines, "\n")
}

func (e Errors) sorted() Errors {
	sort.SliceStable(e, func(i, j int) bool {
		a, b := e[i], e[j]
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
	return e
}

// snippet shows a line of a file with the one before it and a mark, but no line
// that could hold a secret.
func snippet(data []byte, line, column int) string {
	lines := strings.Split(string(data), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	var b strings.Builder
	if hidden(lines, line-1) {
		return ""
	}
	if line > 1 && !hidden(lines, line-2) {
		fmt.Fprintf(&b, "    %4d | %s\n", line-1, strings.TrimRight(lines[line-2], "\r"))
	}
	fmt.Fprintf(&b, "  > %4d | %s\n", line, strings.TrimRight(lines[line-1], "\r"))
	fmt.Fprintf(&b, "         | %s^", strings.Repeat(" ", max(0, column-1)))
	return b.String()
}

var secretKey = regexp.MustCompile(`(?i)\b(` + strings.Join(secretWords, "|") + `)["']?\s*:(\s*["']?(?:env:[A-Za-z_]|file:))?`)

// showsSecret is true for a line with a secret's key and anything but a
// reference behind it.
func showsSecret(text string) bool {
	for _, match := range secretKey.FindAllStringSubmatch(text, -1) {
		if match[2] == "" {
			return true
		}
	}
	return strings.HasPrefix(text, "? ") || strings.HasPrefix(text, ": ") || alertsKey.MatchString(text)
}

// alertsKey is the section in which an address by itself can be a secret: a
// webhook that somebody wrote where a reference belongs is not shown.
var alertsKey = regexp.MustCompile(`^["']?alerts["']?\s*:`)

// hidden is true for a line that may show a secret: one with such a key, or one
// below such a key (a text over several lines).
func hidden(lines []string, i int) bool {
	indent := indentOf(lines[i])
	for at := i; at >= 0; at-- {
		text := strings.TrimSpace(lines[at])
		if at < i && (text == "" || indentOf(lines[at]) >= indent) {
			continue
		}
		if showsSecret(text) {
			return true
		}
		indent = min(indent, indentOf(lines[at]))
	}
	return false
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }
