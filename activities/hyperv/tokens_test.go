package hyperv

import (
	"fmt"
	"strings"
)

// A small reader of PowerShell, enough for the plain grammar of scripts/: it
// finds the commands and their parameters. What it does not know it refuses.

// group is a bracket with what is in it; open is "", "(", "{", "[", "@(", "@{"
// or "$(".
type group struct {
	open  string
	items []item
}

// item is a word, a variable, a splatted variable, a string, an end of a
// statement, another mark, or a group.
type item struct {
	kind string // word, var, splat, text, end, pipe, mark, group
	text string
	sub  *group
}

type reader struct {
	text string
	at   int
}

func readScript(text string) (*group, error) {
	r := &reader{text: text}
	g, err := r.group("", "")
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", 1+strings.Count(text[:min(r.at, len(text))], "\n"), err)
	}
	return g, nil
}

var brackets = map[string]string{"(": ")", "{": "}", "[": "]", "@(": ")", "@{": "}", "$(": ")"}

func (r *reader) group(open, end string) (*group, error) {
	g := &group{open: open}
	for r.at < len(r.text) {
		rest := r.text[r.at:]
		if end != "" && strings.HasPrefix(rest, end) {
			r.at += len(end)
			return g, nil
		}
		it, err := r.item(rest)
		if err != nil {
			return nil, err
		}
		if it.kind != "" {
			g.items = append(g.items, it)
		}
	}
	if end != "" {
		return nil, fmt.Errorf("%s is not closed", open)
	}
	return g, nil
}

func (r *reader) item(rest string) (item, error) {
	for _, open := range []string{"@(", "@{", "$(", "(", "{", "["} {
		if strings.HasPrefix(rest, open) {
			r.at += len(open)
			sub, err := r.group(open, brackets[open])
			return item{kind: "group", sub: sub}, err
		}
	}
	c := rest[0]
	switch {
	case c == ' ' || c == '\t' || c == '\r':
		r.at++
		return item{}, nil
	case c == '#':
		r.at += strings.IndexByte(rest+"\n", '\n')
		return item{}, nil
	case c == '\n' || c == ';':
		r.at++
		return item{kind: "end"}, nil
	case c == '|':
		r.at++
		return item{kind: "pipe"}, nil
	case c == '\'':
		return r.single(rest)
	case c == '"':
		return r.double()
	case c == '$':
		return r.word("var", rest, 1), nil
	case c == '@':
		return r.word("splat", rest, 1), nil
	case strings.ContainsRune(",=+*/%<>!.:", rune(c)):
		r.at++
		return item{kind: "mark", text: string(c)}, nil
	case c == '-' || letter(c) || c >= '0' && c <= '9':
		return r.word("word", rest, 0), nil
	}
	return item{}, fmt.Errorf("%q is not in the plain grammar", c)
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

func (r *reader) word(kind, rest string, skip int) item {
	n := skip
	for n < len(rest) && (letter(rest[n]) || rest[n] >= '0' && rest[n] <= '9' || rest[n] == '-' && kind == "word") {
		n++
	}
	r.at += n
	return item{kind: kind, text: rest[skip:n]}
}

func (r *reader) single(rest string) (item, error) {
	n := strings.IndexByte(rest[1:], '\'')
	if n < 0 {
		return item{}, fmt.Errorf("a string is not closed")
	}
	r.at += n + 2
	return item{kind: "text", text: rest[1 : n+1]}, nil
}

// double reads a string with expressions in it; these are statements of their
// own and come back as a group.
func (r *reader) double() (item, error) {
	sub := &group{open: "text"}
	r.at++
	for r.at < len(r.text) {
		rest := r.text[r.at:]
		switch {
		case rest[0] == '"':
			r.at++
			return item{kind: "group", sub: sub}, nil
		case rest[0] == '`':
			return item{}, fmt.Errorf("a backtick is not in the plain grammar")
		case strings.HasPrefix(rest, "$("):
			r.at += 2
			inner, err := r.group("$(", ")")
			if err != nil {
				return item{}, err
			}
			sub.items = append(sub.items, item{kind: "group", sub: inner})
		default:
			r.at++
		}
	}
	return item{}, fmt.Errorf("a string is not closed")
}

// command is one call: its name, the parameters written with it and the
// variables splatted into it.
type command struct {
	name    string
	params  []string
	splats  []string
	newName bool // the name of a function that is defined here
}

var keywords = map[string]bool{
	"function": true, "param": true, "if": true, "else": true, "elseif": true, "foreach": true, "in": true,
	"try": true, "catch": true, "finally": true, "throw": true, "return": true, "while": true,
}

// commands finds every call in g, the inner ones too.
func commands(g *group) (found []command) {
	start := g.open != "[" && g.open != "text"
	for i := 0; i < len(g.items); i++ {
		it := g.items[i]
		switch {
		case it.kind == "end" || it.kind == "pipe" || it.kind == "mark" && it.text == "=":
			start = g.open != "["
		case it.kind == "group":
			found = append(found, commands(it.sub)...)
			start = it.sub.open == "{"
		case it.kind == "word" && start && it.text == "function":
			found = append(found, command{name: g.items[i+1].text, newName: true})
			i++
			start = false
		case it.kind == "word" && start && keywords[it.text]:
			start = it.text == "else" || it.text == "try" || it.text == "throw" || it.text == "return"
		case it.kind == "word" && start && letter(it.text[0]) && !isKey(g, i):
			call, last := oneCommand(g.items, i)
			found = append(found, call)
			for _, inner := range g.items[i : last+1] {
				if inner.kind == "group" {
					found = append(found, commands(inner.sub)...)
				}
			}
			i, start = last, false
		default:
			start = false
		}
	}
	return found
}

// isKey is true for the name of an entry of a dictionary.
func isKey(g *group, i int) bool {
	return g.open == "@{" && i+1 < len(g.items) && g.items[i+1].kind == "mark" && g.items[i+1].text == "="
}

// oneCommand reads a call from its name to the end of its part of the pipeline.
func oneCommand(items []item, i int) (command, int) {
	c := command{name: items[i].text}
	last := i
	for n := i + 1; n < len(items) && items[n].kind != "end" && items[n].kind != "pipe"; n++ {
		last = n
		switch it := items[n]; {
		case it.kind == "word" && strings.HasPrefix(it.text, "-") && len(it.text) > 1 && letter(it.text[1]):
			c.params = append(c.params, it.text[1:])
		case it.kind == "splat":
			c.splats = append(c.splats, it.text)
		}
	}
	return c, last
}

// declared are the names in the param block of the function that g defines.
func declared(g *group) (names []string) {
	for i, it := range g.items {
		switch {
		case it.kind == "word" && it.text == "param" && i+1 < len(g.items) && g.items[i+1].kind == "group":
			for _, inner := range g.items[i+1].sub.items {
				if inner.kind == "var" {
					names = append(names, inner.text)
				}
			}
			return names
		case it.kind == "group" && it.sub.open == "{":
			names = append(names, declared(it.sub)...)
		}
	}
	return names
}

// splatted finds the names that a dictionary variable may hold: the keys it is
// made with, and those set later by $name['Key'] = ….
func splatted(g *group, name string) (always, sometimes []string) {
	for i, it := range g.items {
		if it.kind == "group" {
			a, s := splatted(it.sub, name)
			always, sometimes = append(always, a...), append(sometimes, s...)
		}
		if it.kind != "var" || it.text != name || i+2 >= len(g.items) {
			continue
		}
		next, after := g.items[i+1], g.items[i+2]
		switch {
		case next.kind == "mark" && next.text == "=" && after.kind == "group" && after.sub.open == "@{":
			for k := range after.sub.items {
				if isKey(after.sub, k) {
					always = append(always, after.sub.items[k].text)
				}
			}
		case next.kind == "group" && next.sub.open == "[" && after.text == "=" && len(next.sub.items) == 1:
			sometimes = append(sometimes, next.sub.items[0].text)
		}
	}
	return always, sometimes
}
