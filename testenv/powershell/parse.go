package powershell

import "strings"

// parse reads a whole script.
func parse(text string) (b *block, err error) {
	p := newScanner(text)
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*ParseError)
			if !ok {
				panic(r)
			}
			b, err = nil, e
		}
	}()
	b = p.blockBody(0)
	if !p.end() {
		p.fail("%q has no partner", string(p.peek()))
	}
	return b, nil
}

// outside are keywords of PowerShell that the subset leaves out.
var outside = map[string]bool{
	"begin": true, "process": true, "end": true, "dynamicparam": true, "class": true, "enum": true, "using": true,
	"workflow": true, "trap": true, "data": true, "filter": true, "configuration": true, "parallel": true,
	"sequence": true, "inlinescript": true, "define": true, "from": true, "var": true, "clean": true,
}

// blockBody reads param() and statements up to closer, which it leaves.
func (p *scanner) blockBody(closer rune) *block {
	p.enter()
	defer p.leave()
	b := &block{line: p.here()}
	p.ends()
	start := p.pos
	for p.peek() == '[' { // [CmdletBinding()] before param
		name, values := p.attribute()
		if values == nil {
			p.pos = start
			break
		}
		if !strings.EqualFold(name, "CmdletBinding") && !strings.EqualFold(name, "OutputType") {
			p.fail("the attribute [%s()]", name)
		}
		b.advanced = b.advanced || strings.EqualFold(name, "CmdletBinding")
		p.ends()
	}
	if p.takeWord("param") {
		p.parameters(b)
	}
	for p.ends(); !p.end() && p.peek() != closer; p.ends() {
		b.body = append(b.body, p.statement())
		p.spaces()
		if c := p.peek(); !p.end() && c != '\n' && c != ';' && c != closer && !p.closed() {
			p.fail("%q cannot follow here", string(c))
		}
	}
	return b
}

// closed tells that the latest statement ended with its own brace, after which
// another may follow on the same line.
func (p *scanner) closed() bool {
	for i := p.pos - 1; i >= 0; i-- {
		if c := p.text[i]; c != ' ' && c != '\t' {
			return c == '}'
		}
	}
	return false
}

// braces reads { statements }.
func (p *scanner) braces() *block {
	p.lines()
	p.expect("{")
	b := p.blockBody('}')
	p.expect("}")
	return b
}

func (p *scanner) statement() node {
	p.enter()
	defer p.leave()
	at := p.here()
	word := p.keyword()
	if outside[word] {
		p.fail("the keyword %s", word)
	}
	switch word {
	case "function":
		return p.function()
	case "if":
		return p.ifStatement()
	case "foreach":
		return p.foreachStatement()
	case "while", "do", "for":
		return p.loopStatement(word)
	case "switch":
		return p.switchStatement()
	case "try":
		return p.tryStatement()
	case "throw", "return", "exit":
		p.takeWord(word)
		p.spaces()
		n := &leave{line: at, kind: word}
		if !p.stops() {
			n.value = p.pipeline()
		}
		return n
	case "break", "continue":
		p.takeWord(word)
		p.spaces()
		if !p.stops() {
			p.fail("a label after %s", word)
		}
		return &leave{line: at, kind: word}
	}
	return p.pipeline()
}

// stops tells that a statement ends here.
func (p *scanner) stops() bool {
	return p.end() || strings.ContainsRune("\n;})", p.peek())
}

func (p *scanner) function() node {
	at, start := p.here(), p.pos
	p.takeWord("function")
	p.spaces()
	name := p.commandWord()
	if name == "" {
		p.fail("a function without a name")
	}
	p.lines()
	b := &block{line: p.here()}
	var inline []parameter
	if p.peek() == '(' {
		p.parameters(b)
		inline = b.params
	}
	body := p.braces()
	if inline != nil {
		body.params, body.advanced = inline, body.advanced || b.advanced
	}
	return &function{line: at, name: name, body: body, text: string(p.text[start:p.pos])}
}

func (p *scanner) condition() node {
	p.lines()
	p.expect("(")
	p.lines()
	n := p.pipeline()
	p.lines()
	p.expect(")")
	return n
}

func (p *scanner) ifStatement() node {
	n := &ifNode{line: p.here()}
	p.takeWord("if")
	n.conditions = append(n.conditions, p.condition())
	n.bodies = append(n.bodies, p.braces())
	for {
		back := p.pos
		p.lines()
		switch {
		case p.takeWord("elseif"):
			n.conditions = append(n.conditions, p.condition())
			n.bodies = append(n.bodies, p.braces())
		case p.takeWord("else"):
			n.otherwise = p.braces()
			return n
		default:
			p.pos = back
			return n
		}
	}
}

func (p *scanner) foreachStatement() node {
	n := &foreach{line: p.here()}
	p.takeWord("foreach")
	p.lines()
	if p.peek() != '(' {
		p.fail("foreach without (")
	}
	p.expect("(")
	p.lines()
	if p.peek() != '$' {
		p.fail("foreach without a variable")
	}
	v, ok := p.variable().(*variable)
	if !ok {
		p.fail("foreach without a plain variable")
	}
	n.name = v.name
	p.lines()
	if !p.takeWord("in") {
		p.fail("foreach without in")
	}
	p.lines()
	n.over = p.pipeline()
	p.lines()
	p.expect(")")
	n.body = p.braces()
	return n
}

func (p *scanner) loopStatement(word string) node {
	n := &loop{line: p.here()}
	p.takeWord(word)
	switch word {
	case "while":
		n.condition = p.condition()
		n.body = p.braces()
	case "do":
		n.after = true
		n.body = p.braces()
		p.lines()
		n.until = p.takeWord("until")
		if !n.until && !p.takeWord("while") {
			p.fail("do without while or until")
		}
		n.condition = p.condition()
	case "for":
		p.lines()
		p.expect("(")
		for i, part := range []*node{&n.first, &n.condition, &n.step} {
			p.lines()
			if p.peek() != ';' && p.peek() != ')' {
				*part = p.pipeline()
			}
			p.lines()
			if i < 2 {
				p.expect(";")
			}
		}
		p.expect(")")
		n.body = p.braces()
	}
	return n
}

func (p *scanner) switchStatement() node {
	n := &switchNode{line: p.here()}
	p.takeWord("switch")
	p.spaces()
	if p.peek() == '-' {
		p.fail("an option of switch")
	}
	n.subject = p.condition()
	p.lines()
	p.expect("{")
	for p.ends(); p.peek() != '}'; p.ends() {
		if p.takeWord("default") {
			n.last = p.braces()
			continue
		}
		n.cases = append(n.cases, p.commandArgument())
		n.bodies = append(n.bodies, p.braces())
	}
	p.expect("}")
	return n
}

func (p *scanner) tryStatement() node {
	n := &try{line: p.here()}
	p.takeWord("try")
	n.body = p.braces()
	for {
		back := p.pos
		p.lines()
		switch {
		case p.takeWord("catch"):
			c := catch{}
			for p.lines(); p.take("["); p.lines() {
				c.types = append(c.types, p.typeWord())
				p.expect("]")
				p.lines()
				p.take(",")
			}
			c.body = p.braces()
			n.catches = append(n.catches, c)
			continue
		case p.takeWord("finally"):
			n.finally = p.braces()
			return n
		}
		p.pos = back
		if n.catches == nil {
			p.fail("try without catch or finally")
		}
		return n
	}
}
