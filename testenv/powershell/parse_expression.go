package powershell

import (
	"strconv"
	"strings"
)

// operators by level, loosest first. Microsoft: about_Operator_Precedence.
var operators = []string{
	" and or xor ",
	" band bor bxor ",
	" eq ne gt ge lt le like notlike match notmatch replace contains notcontains in notin split join is isnot as" +
		" ceq cne cgt cge clt cle clike cnotlike cmatch cnotmatch creplace ccontains cnotcontains cin cnotin csplit" +
		" ieq ine igt ige ilt ile ilike inotlike imatch inotmatch ireplace icontains inotcontains iin inotin isplit ",
	" + - ",
	" * / % ",
	" f ",
	" .. ",
}

// expression reads a whole expression, its commas bound tightest as PowerShell
// does.
func (p *scanner) expression() node { return p.binaryExpression(0) }

func (p *scanner) binaryExpression(level int) node {
	p.enter()
	defer p.leave()
	if level == len(operators) {
		return p.commas()
	}
	l := p.binaryExpression(level + 1)
	for {
		back := p.pos
		p.spaces()
		op := p.operator(level)
		if op == "" {
			p.pos = back
			return l
		}
		at := p.here()
		p.lines()
		l = &binary{line: at, op: op, l: l, r: p.binaryExpression(level + 1)}
	}
}

// operator takes an operator of this level, if one comes next.
func (p *scanner) operator(level int) string {
	c := p.peek()
	switch {
	case c == '.' && p.peekAt(1) == '.' && level == 6:
		p.pos += 2
		return ".."
	case c == '-' && wordStart(p.peekAt(1)):
		back := p.pos
		p.pos++
		w := strings.ToLower(p.word())
		if strings.Contains(operators[level], " "+w+" ") {
			return w
		}
		known := false
		for _, each := range operators {
			known = known || strings.Contains(each, " "+w+" ")
		}
		if !known {
			p.fail("the operator -%s", w)
		}
		p.pos = back
		return ""
	case (c == '+' || c == '-') && level == 3, (c == '*' || c == '/' || c == '%') && level == 4:
		if p.peekAt(1) == '=' || (c != '*' && p.peekAt(1) == c) {
			return ""
		}
		p.pos++
		return string(c)
	}
	return ""
}

func (p *scanner) commas() node {
	first := p.unaryExpression()
	items := []node{first}
	for {
		back := p.pos
		p.spaces()
		if !p.take(",") {
			p.pos = back
			break
		}
		p.lines()
		items = append(items, p.unaryExpression())
	}
	if len(items) == 1 {
		return first
	}
	return &list{line: line(first.at()), items: items}
}

func (p *scanner) unaryExpression() node {
	p.enter()
	defer p.leave()
	at := p.here()
	switch c := p.peek(); {
	case c == ',':
		p.pos++
		p.lines()
		return &list{line: at, items: []node{p.unaryExpression()}}
	case c == '!':
		p.pos++
		p.lines()
		return &unary{line: at, op: "not", x: p.unaryExpression()}
	case p.has("++") || p.has("--"):
		op := string(p.text[p.pos : p.pos+2])
		p.pos += 2
		p.spaces()
		return &unary{line: at, op: op, x: p.unaryExpression()}
	case (c == '-' || c == '+') && !wordStart(p.peekAt(1)):
		p.pos++
		p.spaces()
		x := p.unaryExpression()
		if n, ok := x.(*literal); ok && c == '-' {
			switch v := n.value.(type) {
			case int64:
				return &literal{line: at, value: -v}
			case float64:
				return &literal{line: at, value: -v}
			}
		}
		return &unary{line: at, op: string(c), x: x}
	case c == '-':
		p.pos++
		w := strings.ToLower(p.word())
		switch w {
		case "not", "bnot", "join", "split":
			p.lines()
			return &unary{line: at, op: w, x: p.unaryExpression()}
		}
		p.fail("the operator -%s before a value", w)
	case c == '[':
		return p.bracketed()
	}
	return p.postfix(p.primary())
}

// bracketed reads a cast, [ordered]@{}, or a type as a value.
func (p *scanner) bracketed() node {
	at := p.here()
	p.expect("[")
	name := p.typeWord()
	p.spaces()
	if p.peek() == '(' {
		p.fail("the attribute [%s()] on a value", name)
	}
	p.expect("]")
	back := p.pos
	p.spaces()
	if p.has("::") {
		return p.postfix(&typeLiteral{line: at, name: name})
	}
	if c := p.peek(); c == '$' || c == '(' || c == '@' || c == '\'' || c == '"' || c == '[' || c == '{' ||
		c >= '0' && c <= '9' || c == ',' || (c == '-' || c == '+') && !wordStart(p.peekAt(1)) {
		if low := strings.ToLower(name); low == "ordered" || low == "pscustomobject" {
			x := p.unaryExpression()
			if h, ok := x.(*hashLiteral); ok {
				h.ordered, h.object = true, low == "pscustomobject"
				return h
			}
			return &cast{line: at, typ: name, x: x}
		}
		return &cast{line: at, typ: name, x: p.unaryExpression()}
	}
	p.pos = back
	return p.postfix(&typeLiteral{line: at, name: name})
}

// postfix reads .member, ::member, [index], (arguments), ++ and -- after x; no
// blank may stand before them.
func (p *scanner) postfix(x node) node {
	for {
		at := p.here()
		switch {
		case p.has("++") || p.has("--"):
			op := string(p.text[p.pos : p.pos+2])
			p.pos += 2
			x = &unary{line: at, op: op, x: x, post: true}
		case p.has("::"):
			p.pos += 2
			x = p.memberOf(at, x, true)
		case p.peek() == '.' && p.peekAt(1) != '.' && (wordStart(p.peekAt(1)) || strings.ContainsRune("$'\"(", p.peekAt(1)) && p.peekAt(1) != 0):
			p.pos++
			x = p.memberOf(at, x, false)
		case p.peek() == '[':
			p.pos++
			p.lines()
			i := p.expression()
			p.lines()
			p.expect("]")
			x = &index{line: at, object: x, position: i}
		default:
			return x
		}
	}
}

func (p *scanner) memberOf(at line, x node, static bool) node {
	var name node
	switch c := p.peek(); {
	case wordStart(c):
		name = &literal{line: at, value: p.word()}
	case c == '$':
		name = p.variable()
	case c == '\'' || c == '"':
		name = p.quoted()
	case c == '(':
		name = p.parenthesis()
	default:
		p.fail("a member's name is missing")
	}
	if p.peek() != '(' {
		return &member{line: at, object: x, name: name, static: static}
	}
	p.pos++
	call := &invoke{line: at, object: x, name: name, static: static}
	for p.lines(); p.peek() != ')'; p.lines() {
		call.args = append(call.args, p.argumentOfMethod())
		p.lines()
		if !p.take(",") {
			break
		}
	}
	p.lines()
	p.expect(")")
	return call
}

// argumentOfMethod reads one argument: commas separate, so they do not build
// arrays here.
func (p *scanner) argumentOfMethod() node {
	return p.withoutCommas(0)
}

func (p *scanner) withoutCommas(level int) node {
	p.enter()
	defer p.leave()
	if level == len(operators) {
		return p.unaryExpression()
	}
	l := p.withoutCommas(level + 1)
	for {
		back := p.pos
		p.spaces()
		op := p.operator(level)
		if op == "" {
			p.pos = back
			return l
		}
		at := p.here()
		p.lines()
		l = &binary{line: at, op: op, l: l, r: p.withoutCommas(level + 1)}
	}
}

func (p *scanner) primary() node {
	at := p.here()
	switch c := p.peek(); {
	case c == '$' && p.peekAt(1) == '(':
		p.pos += 2
		b := p.blockBody(')')
		p.expect(")")
		return &subexpression{line: at, body: b}
	case c == '$':
		return p.variable()
	case c == '@' && p.peekAt(1) == '(':
		p.pos += 2
		b := p.blockBody(')')
		p.expect(")")
		return &arrayLiteral{line: at, body: b}
	case c == '@' && p.peekAt(1) == '{':
		return p.hash()
	case c == '@' && (p.peekAt(1) == '\'' || p.peekAt(1) == '"'):
		return p.hereString()
	case c == '\'' || c == '"':
		return p.quoted()
	case c == '(':
		return p.parenthesis()
	case c == '{':
		return p.blockValue()
	case c >= '0' && c <= '9' || c == '.' && p.peekAt(1) >= '0' && p.peekAt(1) <= '9':
		return p.number()
	}
	if p.end() {
		p.fail("the text ends where a value is missing")
	}
	p.fail("%q where a value is missing", string(p.peek()))
	return nil
}

func (p *scanner) parenthesis() node {
	at := p.here()
	p.expect("(")
	p.lines()
	x := p.statementInside()
	p.lines()
	p.expect(")")
	return &group{line: at, x: x}
}

func (p *scanner) statementInside() node {
	p.enter()
	defer p.leave()
	if p.peek() == ')' {
		p.fail("nothing between ( and )")
	}
	return p.pipeline()
}

func (p *scanner) blockValue() node {
	at := p.here()
	p.expect("{")
	start := p.pos
	b := p.blockBody('}')
	text := string(p.text[start:p.pos])
	p.expect("}")
	return &blockLiteral{line: at, block: &ScriptBlock{text: text, body: b}}
}

func (p *scanner) hash() node {
	n := &hashLiteral{line: p.here()}
	p.expect("@{")
	for p.ends(); p.peek() != '}'; p.ends() {
		at := p.here()
		var key node
		if c := p.peek(); wordStart(c) {
			name := p.word()
			for p.peek() == '-' && wordPart(p.peekAt(1)) {
				p.pos++
				name += "-" + p.word()
			}
			key = &literal{line: at, value: name}
		} else {
			key = p.unaryExpression()
		}
		p.lines()
		p.expect("=")
		p.lines()
		n.keys = append(n.keys, key)
		n.values = append(n.values, p.statement())
		p.spaces()
		if c := p.peek(); c != '\n' && c != ';' && c != '}' {
			p.fail("an entry of @{} does not end")
		}
	}
	p.expect("}")
	return n
}

// number reads 10, 0x1F, 1.5, 2e3 and the suffixes l, kb, mb, gb, tb.
func (p *scanner) number() node {
	at, start := p.here(), p.pos
	if p.take("0x") || p.take("0X") {
		digits := p.word()
		n, err := strconv.ParseUint(digits, 16, 64)
		if err != nil {
			p.fail("the number 0x%s", digits)
		}
		if n <= 0xffffffff && len(digits) <= 8 {
			return &literal{line: at, value: int64(int32(n))}
		}
		return &literal{line: at, value: int64(n)}
	}
	for c := p.peek(); c >= '0' && c <= '9' || c == '.' && p.peekAt(1) != '.' && !wordStart(p.peekAt(1)); c = p.peek() {
		p.pos++
	}
	if c := p.peek(); (c == 'e' || c == 'E') && (p.peekAt(1) >= '0' && p.peekAt(1) <= '9' || p.peekAt(1) == '-' || p.peekAt(1) == '+') {
		p.pos += 2
		for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
			p.pos++
		}
	}
	digits := string(p.text[start:p.pos])
	suffix := strings.ToLower(p.word())
	scale := map[string]int64{"": 1, "l": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40, "pb": 1 << 50}[suffix]
	if scale == 0 {
		p.fail("the number %s%s", digits, suffix)
	}
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return &literal{line: at, value: n * scale}
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		p.fail("the number %s", digits)
	}
	return &literal{line: at, value: f * float64(scale)}
}
