package powershell

import "strings"

// fit converts a value to the parameter's type.
func fit(p *Parameter, v any) (any, bool) {
	if p.Switch {
		return toBool(v), true
	}
	if len(p.Enum) == 0 {
		return convert(v, p.Type)
	}
	if v == nil {
		return nil, true
	}
	if strings.HasSuffix(p.Type, "[]") {
		out := []any{}
		for _, item := range asList(v) {
			word, ok := enumWord(p.Enum, item)
			if !ok {
				return nil, false
			}
			out = append(out, word)
		}
		return out, true
	}
	return enumWord(p.Enum, v)
}

func enumWord(words []string, v any) (any, bool) {
	text := strings.TrimSpace(toString(v))
	for _, word := range words {
		if strings.EqualFold(word, text) {
			return word, true
		}
	}
	return nil, false
}

// settle chooses the parameter set and asks for what is mandatory.
func (b *bound) settle(info *CommandInfo, final bool) error {
	complete := []string{}
	for _, set := range sortedNames(b.sets) {
		if b.missing(info, set) == nil {
			complete = append(complete, set)
		}
	}
	b.set = ""
	for _, set := range complete {
		if strings.EqualFold(set, info.DefaultSet) || len(complete) == 1 {
			b.set = set
		}
	}
	if b.set != "" || !final {
		return nil
	}
	if len(complete) > 1 {
		return b.ambiguous()
	}
	for _, set := range sortedNames(b.sets) {
		if strings.EqualFold(set, info.DefaultSet) || len(b.sets) == 1 {
			return bindError(b.class, "MissingMandatoryParameter", "InvalidArgument", "Cannot process command because of one or more missing mandatory parameters: "+
				strings.Join(b.missing(info, set), " ")+".")
		}
	}
	return b.ambiguous()
}

func (b *bound) missing(info *CommandInfo, set string) []string {
	var names []string
	for i := range info.Parameters {
		p := &info.Parameters[i]
		if s, in := p.within(set); in && s.Mandatory {
			if _, had := b.values[p.Name]; !had {
				names = append(names, p.Name)
			}
		}
	}
	return names
}

// pipe binds one piped object: by value, then by property; without conversion
// before with it.
func (b *bound) pipe(info *CommandInfo, v any) error {
	for _, converts := range []bool{false, true} {
		for _, how := range []string{"value", "property"} {
			for i := range info.Parameters {
				if took, err := b.pipeInto(&info.Parameters[i], v, how, converts); err != nil {
					return err
				} else if took && how == "value" {
					return nil
				}
			}
		}
		if b.settled {
			return nil
		}
	}
	return bindError(b.class, "InputObjectNotBound", "InvalidArgument", "The input object cannot be bound to any parameters for the command either because the command does not take pipeline input or the input and its properties do not match any of the parameters that take pipeline input.")
}

func (b *bound) pipeInto(p *Parameter, v any, how string, converts bool) (bool, error) {
	if _, taken := b.values[p.Name]; taken {
		return false, nil
	}
	open := false
	for set := range b.sets {
		s, in := p.within(set)
		open = open || in && strings.Contains(s.Pipeline, how)
	}
	if !open {
		return false, nil
	}
	if how == "property" {
		found := false
		for _, name := range append([]string{p.Name}, p.Aliases...) {
			if item, ok := property(v, name); ok && !found {
				v, found = item, true
			}
		}
		if !found {
			return false, nil
		}
	}
	if _, ok := fit(p, v); !ok || !converts && !exactly(p, v) {
		return false, nil
	}
	b.settled = true
	return true, b.take(p, v)
}

func exactly(p *Parameter, v any) bool {
	base := strings.TrimSuffix(p.Type, "[]")
	return len(p.Enum) == 0 && (is(v, base) || is(v, p.Type))
}

func (b *bound) clone() *bound {
	c := &bound{values: map[string]any{}, common: b.common, sets: map[string]bool{}, class: b.class}
	for k, v := range b.values {
		c.values[k] = v
	}
	for k := range b.sets {
		c.sets[k] = true
	}
	return c
}
