package powershell

import (
	"strings"
)

// parameters reads ( [type]$name = value, … ).
func (p *scanner) parameters(b *block) {
	p.lines()
	p.expect("(")
	for p.lines(); p.peek() != ')'; p.lines() {
		param := parameter{position: -1}
		for p.peek() == '[' {
			p.parameterBracket(b, &param)
			p.lines()
		}
		if p.peek() != '$' {
			p.fail("a parameter without a variable")
		}
		v, ok := p.variable().(*variable)
		if !ok {
			p.fail("a parameter without a plain variable")
		}
		param.name = v.name
		p.lines()
		if p.take("=") {
			p.lines()
			param.value = p.expression()
			p.lines()
		}
		b.params = append(b.params, param)
		if !p.take(",") {
			break
		}
	}
	p.lines()
	p.expect(")")
}

func (p *scanner) parameterBracket(b *block, param *parameter) {
	name, values := p.attribute()
	if values == nil {
		param.typ = name
		return
	}
	switch strings.ToLower(name) {
	case "parameter":
		b.advanced = true
		p.parameterAttribute(values, param)
	case "alias":
		param.aliases = append(param.aliases, values[""]...)
	case "validateset":
		param.set = append(param.set, values[""]...)
	case "allownull", "allowemptystring", "allowemptycollection":
	default:
		p.fail("the attribute [%s()]", name)
	}
}

func (p *scanner) parameterAttribute(values map[string][]string, param *parameter) {
	for _, key := range sortedNames(values) {
		said := ""
		if len(values[key]) > 0 {
			said = values[key][0]
		}
		yes := said == "" || strings.EqualFold(said, "True") || said == "1"
		switch key {
		case "":
		case "mandatory":
			param.mandatory = yes
		case "position":
			param.position = int(toLong(said))
		case "valuefrompipeline":
			if yes {
				param.pipeline += "value"
			}
		case "valuefrompipelinebypropertyname":
			if yes {
				param.pipeline += "property"
			}
		case "helpmessage":
		default:
			p.fail("%s in [Parameter()]", key)
		}
	}
}

// attribute reads [Name(values)] or [type]; values is nil for a type. Values
// without a name are under "".
func (p *scanner) attribute() (string, map[string][]string) {
	p.expect("[")
	name := p.typeWord()
	p.spaces()
	if p.take("]") {
		return name, nil
	}
	values := map[string][]string{}
	p.expect("(")
	for p.lines(); p.peek() != ')'; p.lines() {
		key, back := "", p.pos
		if wordStart(p.peek()) {
			key = strings.ToLower(p.word())
			p.spaces()
			switch {
			case p.take("="):
				p.spaces()
			case p.peek() == ',' || p.peek() == ')':
				values[key] = []string{}
				p.take(",")
				continue
			default:
				p.pos, key = back, ""
			}
		}
		x := p.binaryExpression(1)
		switch x := x.(type) {
		case *literal:
			values[key] = append(values[key], toString(x.value))
		case *variable:
			values[key] = append(values[key], x.name)
		default:
			p.fail("a computed value in an attribute")
		}
		p.lines()
		if !p.take(",") {
			break
		}
	}
	p.lines()
	p.expect(")")
	p.spaces()
	p.expect("]")
	return name, values
}
