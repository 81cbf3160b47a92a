package powershell

import (
	"strings"
)

// pipeline reads an assignment, or an expression or commands joined by |.
func (p *scanner) pipeline() node {
	at := p.here()
	if stmt := p.keyword(); stmt == "if" || stmt == "foreach" || stmt == "switch" || stmt == "while" || stmt == "for" || stmt == "do" || stmt == "try" {
		if p.pos > 0 { // as a value: $x = if (…) {…}
			return p.statementWord(stmt)
		}
	}
	n := &pipeline{line: at}
	if p.startsExpression() {
		x := p.expression()
		p.spaces()
		if op := p.assignment(); op != "" {
			p.lines()
			return &assign{line: at, target: x, op: op, value: p.statement()}
		}
		p.redirections(nil)
		n.stages = append(n.stages, x)
	} else {
		n.stages = append(n.stages, p.command())
	}
	for {
		back := p.pos
		p.spaces()
		if p.has("||") || p.has("&&") {
			p.fail("the operator %s", string(p.text[p.pos:p.pos+2]))
		}
		if !p.take("|") {
			p.pos = back
			return n
		}
		p.lines()
		n.stages = append(n.stages, p.command())
	}
}

func (p *scanner) statementWord(w string) node {
	switch w {
	case "if":
		return p.ifStatement()
	case "foreach":
		return p.foreachStatement()
	case "switch":
		return p.switchStatement()
	case "try":
		return p.tryStatement()
	}
	return p.loopStatement(w)
}

func (p *scanner) startsExpression() bool {
	c := p.peek()
	switch {
	case strings.ContainsRune("$@'\"([{,!", c) && c != 0:
		return true
	case c >= '0' && c <= '9':
		return true
	case c == '.' && p.peekAt(1) >= '0' && p.peekAt(1) <= '9':
		return true
	case c == '+' || c == '-':
		return true
	}
	return false
}

func (p *scanner) assignment() string {
	for _, op := range []string{"+=", "-=", "*=", "/=", "%="} {
		if p.take(op) {
			return op
		}
	}
	if p.peek() == '=' {
		p.pos++
		return "="
	}
	return ""
}

// commandWord reads a bare command name such as Get-VM.
func (p *scanner) commandWord() string {
	start := p.pos
	for c := p.peek(); !p.end() && (wordPart(c) || strings.ContainsRune("-_.:\\?*%/", c)); c = p.peek() {
		p.pos++
	}
	return string(p.text[start:p.pos])
}

func (p *scanner) command() node {
	n := &command{line: p.here()}
	switch c := p.peek(); {
	case c == '&':
		p.pos++
		p.spaces()
		n.called = true
		n.name = p.postfix(p.primaryOrWord())
	case c == '.' && (p.peekAt(1) == ' ' || p.peekAt(1) == '{'):
		p.fail("dot-sourcing")
	default:
		at := p.here()
		if w := p.keyword(); outside[w] {
			p.fail("the keyword %s", w)
		}
		name := p.commandWord()
		if name == "" {
			if p.end() {
				p.fail("the text ends where a command is missing")
			}
			p.fail("%q where a command is missing", string(p.peek()))
		}
		n.name = &literal{line: at, value: name}
	}
	for {
		p.spaces()
		if p.stops() || p.peek() == '|' {
			return n
		}
		if p.has("&&") || p.peek() == '&' {
			p.fail("the operator &")
		}
		if p.redirections(n) {
			continue
		}
		n.args = append(n.args, p.argument())
	}
}

func (p *scanner) primaryOrWord() node {
	if c := p.peek(); strings.ContainsRune("$'\"({", c) && c != 0 {
		return p.primary()
	}
	at := p.here()
	name := p.commandWord()
	if name == "" {
		p.fail("a command is missing after &")
	}
	return &literal{line: at, value: name}
}

// redirections reads 2>$null, >$null and 2>&1; n is nil after an expression.
func (p *scanner) redirections(n *command) bool {
	start, stream := p.pos, '1'
	if c := p.peek(); (c >= '1' && c <= '6' || c == '*') && p.peekAt(1) == '>' {
		stream = c
		p.pos++
	}
	if p.peek() != '>' {
		p.pos = start
		if p.peek() == '<' {
			p.fail("the redirection <")
		}
		return false
	}
	p.pos++
	if p.take(">") {
		p.fail("a redirection to a file")
	}
	if p.take("&1") {
		if stream != '2' {
			p.fail("the redirection %c>&1", stream)
		}
		if n != nil {
			n.errorsGo = "output"
		}
		return true
	}
	p.spaces()
	if !p.take("$null") {
		p.fail("a redirection to a file")
	}
	if n != nil && (stream == '2' || stream == '*') {
		n.errorsGo = "null"
	}
	if n != nil && (stream == '1' || stream == '*') {
		n.outputGoes = "null"
	}
	return true
}

// argument reads -Name, -Name:value, @splat or a value.
func (p *scanner) argument() argument {
	if c := p.peek(); c == '-' && (wordStart(p.peekAt(1)) || p.peekAt(1) == '?') {
		p.pos++
		a := argument{parameter: p.word()}
		if p.take(":") {
			p.spaces()
			a.attached = true
			a.value = p.commandArgument()
		}
		return a
	}
	if p.peek() == '@' && wordStart(p.peekAt(1)) {
		at := p.here()
		p.pos++
		return argument{splat: true, value: &variable{line: at, name: p.word()}}
	}
	return argument{value: p.commandArgument()}
}

// commandArgument reads one value in command mode, commas making arrays.
func (p *scanner) commandArgument() node {
	p.enter()
	defer p.leave()
	at := p.here()
	items := []node{p.oneArgument()}
	for {
		back := p.pos
		p.spaces()
		if !p.take(",") {
			p.pos = back
			break
		}
		p.lines()
		items = append(items, p.oneArgument())
	}
	if len(items) == 1 {
		return items[0]
	}
	return &list{line: at, items: items}
}

func (p *scanner) oneArgument() node {
	c := p.peek()
	switch {
	case c >= '0' && c <= '9' || c == '-' && p.peekAt(1) >= '0' && p.peekAt(1) <= '9':
		back := p.pos
		minus := p.take("-")
		if number := p.tryNumber(); number != nil && p.argumentEnds() {
			if n, ok := number.value.(int64); ok && minus {
				number.value = -n
			} else if f, ok := number.value.(float64); ok && minus {
				number.value = -f
			}
			return number
		}
		p.pos = back
	case c == '[' && p.has("[") && wordStart(p.peekAt(1)):
		return p.bareWord() // types are text in command mode
	case c == '\'' || c == '"' || c == '(' || c == '{' || c == '@':
		return p.postfix(p.primary())
	case c == '$':
		x := p.postfix(p.primary())
		if p.argumentEnds() {
			return x
		}
		return &expandable{line: line(x.at()), parts: []node{x, p.bareWord()}}
	}
	return p.bareWord()
}

func (p *scanner) tryNumber() (n *literal) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(*ParseError); !ok {
				panic(r)
			}
			n = nil
		}
	}()
	n, _ = p.number().(*literal)
	return n
}

func (p *scanner) argumentEnds() bool {
	return p.end() || strings.ContainsRune(" \t\r\n;|)},&`", p.peek())
}

// bareWord reads unquoted text, in which $variables are expanded.
func (p *scanner) bareWord() node {
	at := p.here()
	var parts []node
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			parts = append(parts, &literal{line: at, value: text.String()})
			text.Reset()
		}
	}
	for !p.end() {
		c := p.peek()
		if strings.ContainsRune(" \t\r\n;|)}&,({<>", c) {
			break
		}
		switch {
		case c == '$' && (wordStart(p.peekAt(1)) || p.peekAt(1) == '{' || p.peekAt(1) == '('):
			flush()
			parts = append(parts, p.primary())
		case c == '`':
			p.pos++
			text.WriteString(p.escape())
		case c == '\'' || c == '"':
			flush()
			parts = append(parts, p.quoted())
		default:
			text.WriteRune(c)
			p.pos++
		}
	}
	flush()
	switch {
	case len(parts) == 0:
		p.fail("%q where an argument is missing", string(p.peek()))
	case len(parts) == 1:
		if l, ok := parts[0].(*literal); ok {
			return l
		}
	}
	return &expandable{line: at, parts: parts}
}
