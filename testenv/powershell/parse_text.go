package powershell

import (
	"strings"
)

// variable reads $name, $scope:name, ${name} and $_ .
func (p *scanner) variable() node {
	at := p.here()
	p.expect("$")
	name := ""
	switch c := p.peek(); {
	case c == '{':
		p.pos++
		start := p.pos
		for p.peek() != '}' {
			if p.end() || p.peek() == '\n' {
				p.fail("${ does not end")
			}
			p.pos++
		}
		name = string(p.text[start:p.pos])
		p.pos++
	case c == '?' || c == '$' || c == '^':
		p.pos++
		name = string(c)
	default:
		name = p.word()
		if p.peek() == ':' && p.peekAt(1) != ':' && wordStart(p.peekAt(1)) {
			p.pos++
			name += ":" + p.word()
		}
	}
	if name == "" {
		p.fail("a variable's name is missing after $")
	}
	v := &variable{line: at, name: name}
	if scope, rest, found := strings.Cut(name, ":"); found {
		v.scope, v.name = strings.ToLower(scope), rest
		switch v.scope {
		case "script", "global", "local", "env", "private", "variable":
		default:
			p.fail("the drive or scope $%s:", scope)
		}
	}
	return v
}

// quoted reads '…' or "…".
func (p *scanner) quoted() node {
	at, quote := p.here(), p.peek()
	p.pos++
	if quote == '\'' {
		var text strings.Builder
		for {
			switch {
			case p.end():
				p.fail("a string does not end")
			case p.has("''"):
				text.WriteRune('\'')
				p.pos += 2
				continue
			case p.take("'"):
				return &literal{line: at, value: text.String()}
			}
			text.WriteRune(p.peek())
			p.pos++
		}
	}
	return p.expand(at, func() (bool, string) {
		if p.has(`""`) {
			p.pos += 2
			return false, `"`
		}
		return p.take(`"`), ""
	})
}

func (p *scanner) hereString() node {
	at := p.here()
	p.expect("@")
	quote := p.peek()
	p.pos++
	for p.peek() == ' ' || p.peek() == '\t' || p.peek() == '\r' {
		p.pos++
	}
	p.expect("\n")
	start := p.pos
	stop := "\n" + string(quote) + "@"
	p.pos-- // the closing mark may stand on the first line
	for !p.has(stop) {
		if p.end() {
			p.fail("a here-string does not end")
		}
		p.pos++
	}
	last, after := p.pos, p.pos+3
	if last < start {
		last = start
	}
	if last > start && p.text[last-1] == '\r' {
		last--
	}
	if quote == '\'' {
		p.pos = after
		return &literal{line: at, value: string(p.text[start:last])}
	}
	p.pos = start
	n := p.expand(at, func() (bool, string) { return p.pos >= last, "" })
	p.pos = after
	return n
}

// expand reads text with $variables and $( ) until closed says so; closed may
// hand in a literal piece instead.
func (p *scanner) expand(at line, closed func() (bool, string)) node {
	n := &expandable{line: at}
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			n.parts = append(n.parts, &literal{line: at, value: text.String()})
			text.Reset()
		}
	}
	for {
		done, piece := closed()
		if done {
			flush()
			return n
		}
		if piece != "" {
			text.WriteString(piece)
			continue
		}
		c := p.peek()
		switch {
		case p.end():
			p.fail("a string does not end")
		case c == '`':
			p.pos++
			text.WriteString(p.escape())
		case c == '$' && p.peekAt(1) == '(':
			flush()
			n.parts = append(n.parts, p.primary())
		case c == '$' && (wordPart(p.peekAt(1)) || p.peekAt(1) == '{'):
			flush()
			n.parts = append(n.parts, p.variable())
		default:
			text.WriteRune(c)
			p.pos++
		}
	}
}
