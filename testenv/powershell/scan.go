package powershell

import (
	"fmt"
	"sort"
	"strings"
	"unicode"
)

// ParseError says where text leaves the subset. The message is ours: hosts'
// own texts are localised and nobody may depend on them.
type ParseError struct {
	Line int
	What string
}

// Error names the line and the construct.
func (e *ParseError) Error() string {
	return fmt.Sprintf("line %d: %s; write it within the subset", e.Line, e.What)
}

const deepest = 200

// scanner walks the text; the grammar decides at each place how to read on,
// since the same letters mean other things in a command than in an expression.
type scanner struct {
	text   []rune
	starts []int // where each line begins
	pos    int
	depth  int
}

func newScanner(text string) *scanner {
	p := &scanner{text: []rune(text), starts: []int{0}}
	for i, c := range p.text {
		if c == '\n' {
			p.starts = append(p.starts, i+1)
		}
	}
	return p
}

func (p *scanner) line() int {
	return sort.Search(len(p.starts), func(i int) bool { return p.starts[i] > p.pos })
}

func (p *scanner) here() line { return line(p.line()) }

// fail leaves the parser; parse recovers it.
func (p *scanner) fail(format string, args ...any) {
	panic(&ParseError{Line: p.line(), What: fmt.Sprintf(format, args...)})
}

func (p *scanner) enter() {
	p.depth++
	if p.depth > deepest {
		p.fail("nesting deeper than %d", deepest)
	}
}

func (p *scanner) leave() { p.depth-- }

func (p *scanner) peek() rune { return p.peekAt(0) }

func (p *scanner) peekAt(n int) rune {
	if p.pos+n >= len(p.text) {
		return 0
	}
	return p.text[p.pos+n]
}

func (p *scanner) end() bool { return p.pos >= len(p.text) }

func (p *scanner) has(s string) bool {
	for i, r := range []rune(s) {
		if p.peekAt(i) != r {
			return false
		}
	}
	return true
}

func (p *scanner) take(s string) bool {
	if !p.has(s) {
		return false
	}
	p.pos += len([]rune(s))
	return true
}

func (p *scanner) expect(s string) {
	if !p.take(s) {
		if p.end() {
			p.fail("the text ends where %q is missing", s)
		}
		p.fail("%q stands where %q is missing", string(p.peek()), s)
	}
}

// spaces skips blanks, comments and continued lines, but not the line's end.
func (p *scanner) spaces() {
	for !p.end() {
		switch c := p.peek(); {
		case c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v' || c == 0xa0 || c == 0xfeff:
			p.pos++
		case c == '`' && p.peekAt(1) == '\n':
			p.pos += 2
		case c == '`' && p.peekAt(1) == '\r' && p.peekAt(2) == '\n':
			p.pos += 3
		case c == '#':
			for !p.end() && p.peek() != '\n' {
				p.pos++
			}
		case c == '<' && p.peekAt(1) == '#':
			p.pos += 2
			for !p.has("#>") {
				if p.end() {
					p.fail("a comment does not end")
				}
				p.pos++
			}
			p.pos += 2
		default:
			return
		}
	}
}

// lines skips line ends as well; ends also ;.
func (p *scanner) lines() {
	for p.spaces(); p.peek() == '\n'; p.spaces() {
		p.pos++
	}
}

func (p *scanner) ends() {
	for p.lines(); p.peek() == ';'; p.lines() {
		p.pos++
	}
}

func wordStart(c rune) bool { return c == '_' || unicode.IsLetter(c) }
func wordPart(c rune) bool  { return c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c) }

// word reads a name made of letters, digits and _.
func (p *scanner) word() string {
	start := p.pos
	for wordPart(p.peek()) {
		p.pos++
	}
	return string(p.text[start:p.pos])
}

// keyword tells, without moving, the lower-case word that starts here.
func (p *scanner) keyword() string {
	start := p.pos
	defer func() { p.pos = start }()
	if !wordStart(p.peek()) {
		return ""
	}
	w := p.word()
	if p.peek() == '-' || p.peek() == '.' || p.peek() == '\\' || p.peek() == ':' {
		return ""
	}
	return strings.ToLower(w)
}

// takeWord takes this keyword when it comes next.
func (p *scanner) takeWord(w string) bool {
	if p.keyword() != w {
		return false
	}
	p.pos += len([]rune(w))
	return true
}

// typeWord reads what stands between [ and ]: a name, perhaps with [].
func (p *scanner) typeWord() string {
	p.spaces()
	start := p.pos
	for wordPart(p.peek()) || p.peek() == '.' {
		p.pos++
	}
	name := string(p.text[start:p.pos])
	if name == "" {
		p.fail("a type's name is missing after [")
	}
	for p.take("[]") {
		name += "[]"
	}
	if p.peek() == '[' || p.peek() == '`' || p.peek() == ',' {
		p.fail("the generic type [%s…]", name)
	}
	return name
}

// escape reads what follows a backtick. Microsoft: about_Special_Characters.
func (p *scanner) escape() string {
	c := p.peek()
	if p.end() {
		p.fail("a backtick ends the text")
	}
	p.pos++
	switch c {
	case '0':
		return "\x00"
	case 'a':
		return "\a"
	case 'b':
		return "\b"
	case 'f':
		return "\f"
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	case 'v':
		return "\v"
	}
	return string(c)
}
