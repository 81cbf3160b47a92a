package powershell

import (
	"sort"
	"strings"
)

const allSets = "*"

// common parameters every cmdlet has. Microsoft: about_CommonParameters.
var common = map[string]bool{"erroraction": true, "ea": true, "errorvariable": true, "ev": true, "outvariable": true, "ov": true,
	"warningaction": true, "wa": true, "warningvariable": true, "wv": true, "verbose": true, "vb": true, "debug": true, "db": true,
	"outbuffer": true, "ob": true, "pipelinevariable": true, "pv": true, "informationaction": true, "informationvariable": true,
	"confirm": true, "cf": true, "whatif": true, "wi": true}

var commonShort = map[string]string{"ea": "erroraction", "ev": "errorvariable", "ov": "outvariable", "wa": "warningaction",
	"vb": "verbose", "db": "debug", "cf": "confirm", "wi": "whatif", "wv": "warningvariable", "ob": "outbuffer", "pv": "pipelinevariable"}

// bound is a call on its way: canonical names and converted values.
type bound struct {
	values  map[string]any
	common  map[string]any
	sets    map[string]bool // sets still possible
	set     string
	class   string
	settled bool
}

func bindError(class, id, category, message string) error {
	return &thrown{record: &ErrorRecord{ID: id + "," + class, Category: category, Message: message,
		Type: "System.Management.Automation.ParameterBindingException", HResult: "0x80131501"}}
}

func isSwitch(info *CommandInfo, name string) bool {
	p, err := findParameter(info, name)
	if err == nil && p != nil {
		return p.Switch
	}
	switch commonName(name) {
	case "confirm", "whatif", "verbose", "debug":
		return true
	}
	return false
}

func commonName(name string) string {
	low := strings.ToLower(name)
	if full, ok := commonShort[low]; ok {
		return full
	}
	if common[low] {
		return low
	}
	found := ""
	for full := range common {
		if commonShort[full] == "" && strings.HasPrefix(full, low) {
			if found != "" {
				return ""
			}
			found = full
		}
	}
	return found
}

// findParameter finds by name, alias or unambiguous prefix; nil means none.
func findParameter(info *CommandInfo, name string) (*Parameter, error) {
	low := strings.ToLower(name)
	var hits []*Parameter
	for i := range info.Parameters {
		p := &info.Parameters[i]
		names := append([]string{p.Name}, p.Aliases...)
		part := false
		for _, each := range names {
			if strings.EqualFold(each, name) {
				return p, nil
			}
			part = part || strings.HasPrefix(strings.ToLower(each), low)
		}
		if part {
			hits = append(hits, p)
		}
	}
	switch len(hits) {
	case 0:
		return nil, nil
	case 1:
		return hits[0], nil
	}
	return nil, bindError(errorClass(info), "AmbiguousParameter", "InvalidArgument",
		"Parameter cannot be processed because the parameter name '"+name+"' is ambiguous.")
}

func errorClass(info *CommandInfo) string {
	if info.ErrorClass != "" {
		return info.ErrorClass
	}
	return info.Name
}

func setsOf(info *CommandInfo) map[string]bool {
	sets := map[string]bool{}
	for _, p := range info.Parameters {
		for name := range p.Sets {
			if !everySet(name) {
				sets[name] = true
			}
		}
	}
	if len(sets) == 0 {
		sets[allSets] = true
	}
	return sets
}

func everySet(name string) bool { return name == "*" || name == "" || name == "__AllParameterSets" }

// within is what p is in a set.
func (p *Parameter) within(set string) (SetInfo, bool) {
	if len(p.Sets) == 0 {
		return SetInfo{Position: -1}, true
	}
	if s, ok := p.Sets[set]; ok {
		return s, true
	}
	for name, s := range p.Sets {
		if everySet(name) {
			return s, true
		}
	}
	return SetInfo{}, false
}

// bind binds names, then positions; settle chooses the set later, when the
// pipeline had its say. Microsoft: about_Parameter_Binding.
func bind(info *CommandInfo, call *boundCall) (*bound, error) {
	b := &bound{values: map[string]any{}, common: map[string]any{}, sets: setsOf(info), class: errorClass(info)}
	for _, n := range call.named {
		p, err := findParameter(info, n.name)
		if name := commonName(n.name); name != "" && (p == nil || err != nil || common[strings.ToLower(p.Name)]) {
			b.common[name] = n.value
			if !n.given {
				b.common[name] = true
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		if p == nil {
			return nil, bindError(b.class, "NamedParameterNotFound", "InvalidArgument", "A parameter cannot be found that matches parameter name '"+n.name+"'.")
		}
		if _, twice := b.values[p.Name]; twice {
			return nil, bindError(b.class, "ParameterAlreadyBound", "InvalidArgument",
				"Cannot bind parameter because parameter '"+p.Name+"' is specified more than once.")
		}
		v := n.value
		if !n.given {
			if !p.Switch {
				return nil, bindError(b.class, "MissingArgument", "InvalidArgument", "Missing an argument for parameter '"+p.Name+"'.")
			}
			v = true
		}
		if err := b.take(p, v); err != nil {
			return nil, err
		}
	}
	return b, b.positions(info, call.positional)
}

// take converts and binds one value and drops the sets it does not fit.
func (b *bound) take(p *Parameter, v any) error {
	c, ok := fit(p, v)
	if !ok {
		return bindError(b.class, "CannotConvertArgumentNoMessage", "InvalidArgument", "Cannot bind parameter '"+p.Name+
			"'. Cannot convert value \""+toString(v)+"\" to type \""+p.Type+"\".")
	}
	if c == nil && mandatorySomewhere(p) {
		return bindError(b.class, "ParameterArgumentValidationErrorNullNotAllowed", "InvalidData", "Cannot bind argument to parameter '"+p.Name+"' because it is null.")
	}
	b.values[p.Name] = c
	for set := range b.sets {
		if _, in := p.within(set); !in {
			delete(b.sets, set)
		}
	}
	if len(b.sets) == 0 {
		return b.ambiguous()
	}
	return nil
}

func mandatorySomewhere(p *Parameter) bool {
	for _, s := range p.Sets {
		if s.Mandatory {
			return true
		}
	}
	return false
}

func (b *bound) ambiguous() error {
	return bindError(b.class, "AmbiguousParameterSet", "InvalidArgument", "Parameter set cannot be resolved using the specified named parameters.")
}

func (b *bound) positions(info *CommandInfo, values []any) error {
	for _, v := range values {
		p := b.nextPosition(info, v)
		if p == nil {
			return bindError(b.class, "PositionalParameterNotFound", "InvalidArgument", "A positional parameter cannot be found that accepts argument '"+toString(v)+"'.")
		}
		if err := b.take(p, v); err != nil {
			return err
		}
	}
	return nil
}

// nextPosition is the free parameter with the lowest position, those of the
// default set and those that need no conversion first.
func (b *bound) nextPosition(info *CommandInfo, v any) *Parameter {
	type place struct {
		p    *Parameter
		rank int
	}
	var places []place
	for i := range info.Parameters {
		p := &info.Parameters[i]
		if _, taken := b.values[p.Name]; taken {
			continue
		}
		for set := range b.sets {
			s, in := p.within(set)
			if !in || s.Position < 0 {
				continue
			}
			rank := s.Position * 8
			if set != info.DefaultSet {
				rank += 2
			}
			if _, ok := fit(p, v); !ok {
				rank += 4
			}
			if _, isObject := v.(*Object); isObject && basic(p) {
				rank += 3
			}
			places = append(places, place{p, rank})
		}
	}
	if len(places) == 0 {
		return nil
	}
	sort.SliceStable(places, func(i, j int) bool { return places[i].rank < places[j].rank })
	return places[0].p
}

// basic tells a parameter of text or numbers, not of objects.
func basic(p *Parameter) bool {
	base := strings.TrimSuffix(p.Type, "[]")
	_, ok := fullNames[shortType(base)]
	return len(p.Enum) > 0 || ok && shortType(base) != "object"
}
