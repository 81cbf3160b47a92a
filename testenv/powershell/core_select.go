package powershell

import (
	"strings"
)

func selectObject(x *execution) (stage, error) {
	taken, skipped := int64(0), int64(0)
	var last []any
	var seen []string
	st := &stageFuncs{}
	put := func(v any) error {
		out, err := x.project(v)
		if err != nil {
			return err
		}
		return spread(out, func(v any) error {
			if x.on("Unique") {
				key := ToJSON(v, 2)
				for _, each := range seen {
					if each == key {
						return nil
					}
				}
				seen = append(seen, key)
			}
			return x.emit(v)
		})
	}
	st.each = func(v any) error {
		if skipped < toLong(x.arg("Skip")) {
			skipped++
			return nil
		}
		if x.has("Last") {
			last = append(last, v)
			return nil
		}
		if x.has("First") {
			if taken >= toLong(x.arg("First")) {
				return &enough{st}
			}
			taken++
		}
		if err := put(v); err != nil {
			return err
		}
		if x.has("First") && taken >= toLong(x.arg("First")) {
			return &enough{st}
		}
		return nil
	}
	st.end = func() error {
		if x.has("InputObject") {
			if err := put(x.arg("InputObject")); err != nil {
				return err
			}
		}
		from := max(len(last)-int(toLong(x.arg("Last"))), 0)
		for _, v := range last[from:] {
			if err := put(v); err != nil {
				return err
			}
		}
		return nil
	}
	return st, nil
}

func (x *execution) project(v any) (any, error) {
	if x.has("ExpandProperty") {
		name := toString(x.arg("ExpandProperty"))
		out, ok := property(v, name)
		if !ok {
			return void{}, x.report(&ErrorRecord{ID: "ExpandPropertyNotFound," + x.bound.class, Category: "InvalidArgument",
				Message: "Property \"" + name + "\" cannot be found.", Type: "System.Management.Automation.PSArgumentException", HResult: "0x80070057"})
		}
		return out, nil
	}
	if !x.has("Property") {
		return []any{v}, nil
	}
	o := NewObject("Selected."+typeNameOf(v), "System.Management.Automation.PSCustomObject", "System.Object")
	for _, how := range asList(x.arg("Property")) {
		if name, isText := how.(string); isText && strings.ContainsAny(name, "*?") {
			if from, ok := v.(*Object); ok {
				for _, each := range from.names {
					if wildcard(name, false).MatchString(each) {
						item, _ := from.Get(each)
						o.Set(each, item)
					}
				}
			}
			continue
		}
		name, item, err := x.r.keyOf(v, how)
		if err != nil {
			item = nil
		}
		if from, ok := v.(*Object); ok {
			for _, each := range from.names {
				if strings.EqualFold(each, name) {
					name = each
				}
			}
		}
		o.Set(name, item)
	}
	return o, nil
}

func measure(x *execution) (stage, error) {
	return gather(x, func(items []any) error {
		sum, least, most, n := 0.0, 0.0, 0.0, int64(0)
		for _, item := range items {
			if x.has("Property") {
				item = read(item, toString(x.arg("Property")))
			}
			if item == nil {
				continue
			}
			f := toFloat(item)
			if n == 0 || f < least {
				least = f
			}
			if n == 0 || f > most {
				most = f
			}
			sum += f
			n++
		}
		o := NewObject("Microsoft.PowerShell.Commands.GenericMeasureInfo").Set("Count", n)
		given := func(name string, v float64) {
			if x.on(name) && n > 0 {
				o.Set(name, v)
			} else {
				o.Set(name, nil)
			}
		}
		given("Average", sum/float64(max(n, 1)))
		given("Sum", sum)
		given("Maximum", most)
		given("Minimum", least)
		return x.emit(o.Set("Property", x.arg("Property")))
	}), nil
}

func groupObjects(x *execution) (stage, error) {
	return gather(x, func(items []any) error {
		groups := NewDictionary()
		for _, item := range items {
			name := toString(item)
			if x.has("Property") {
				var parts []string
				for _, how := range asList(x.arg("Property")) {
					_, k, err := x.r.keyOf(item, how)
					if err != nil {
						return err
					}
					parts = append(parts, toString(k))
				}
				name = strings.Join(parts, ", ")
			}
			had, _ := groups.Get(name)
			members, _ := had.([]any)
			groups.Set(name, append(members, item))
		}
		for _, key := range groups.keys {
			had, _ := groups.Get(key)
			members, _ := had.([]any)
			o := NewObject("Microsoft.PowerShell.Commands.GroupInfo").Set("Count", int64(len(members))).Set("Name", key).Set("Group", members)
			if err := x.emit(o); err != nil {
				return err
			}
		}
		return nil
	}), nil
}
