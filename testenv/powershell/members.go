package powershell

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

func hex(n int64) string { return fmt.Sprintf("0x%08x", uint32(n)) }

func (r *run) member(n *member) (any, error) {
	object, err := r.value(n.object)
	if err != nil {
		return nil, err
	}
	name, err := r.value(n.name)
	if err != nil {
		return nil, err
	}
	if n.static {
		return r.staticMember(typeText(object), toString(name))
	}
	return read(object, toString(name)), nil
}

// read is member access: $null for what is not there, and over an array the
// members of its items. Microsoft: about_Properties.
func read(object any, name string) any {
	if v, ok := property(object, name); ok {
		return v
	}
	items, many := object.([]any)
	if many {
		out := []any{}
		for _, item := range items {
			if v, ok := property(item, name); ok {
				out = append(out, asList(v)...)
			}
		}
		switch len(out) {
		case 0:
			return nil
		case 1:
			return out[0]
		}
		return out
	}
	if low := strings.ToLower(name); low == "count" || low == "length" {
		if object == nil {
			return int64(0)
		}
		return int64(1)
	}
	return nil
}

func property(object any, name string) (any, bool) {
	low := strings.ToLower(name)
	switch o := object.(type) {
	case *Object:
		return o.Get(name)
	case *Dictionary:
		if v, ok := o.Get(name); ok {
			return v, true
		}
		switch low {
		case "count":
			return int64(o.Len()), true
		case "keys":
			return o.Keys(), true
		case "values":
			out := []any{}
			for _, k := range o.keys {
				v, _ := o.Get(k)
				out = append(out, v)
			}
			return out, true
		}
	case []any:
		if low == "count" || low == "length" {
			return int64(len(o)), true
		}
	case string:
		if low == "length" {
			return int64(len([]rune(o))), true
		}
	case time.Time:
		return timeMember(o, low)
	case time.Duration:
		return spanMember(o, low)
	case Enum:
		if low == "value__" {
			return o.Value, true
		}
	case *ErrorRecord:
		return errorMember(o, low)
	case TypeName:
		full := fullTypeName(string(o))
		switch low {
		case "fullname":
			return full, true
		case "name":
			return lastSegment(full), true
		}
	}
	return nil, false
}

func timeMember(t time.Time, name string) (any, bool) {
	switch name {
	case "year":
		return int64(t.Year()), true
	case "month":
		return int64(t.Month()), true
	case "day":
		return int64(t.Day()), true
	case "hour":
		return int64(t.Hour()), true
	case "minute":
		return int64(t.Minute()), true
	case "second":
		return int64(t.Second()), true
	case "ticks":
		return t.UnixNano()/100 + 621355968000000000, true
	}
	return nil, false
}

func spanMember(d time.Duration, name string) (any, bool) {
	switch name {
	case "totaldays":
		return d.Hours() / 24, true
	case "totalhours":
		return d.Hours(), true
	case "totalminutes":
		return d.Minutes(), true
	case "totalseconds":
		return d.Seconds(), true
	case "totalmilliseconds":
		return float64(d) / 1e6, true
	case "days":
		return int64(d / (24 * time.Hour)), true
	case "hours":
		return int64(d/time.Hour) % 24, true
	case "minutes":
		return int64(d/time.Minute) % 60, true
	case "seconds":
		return int64(d/time.Second) % 60, true
	case "ticks":
		return int64(d) / 100, true
	}
	return nil, false
}

func errorMember(e *ErrorRecord, name string) (any, bool) {
	switch name {
	case "exception":
		n, _ := strconv.ParseUint(strings.TrimPrefix(e.HResult, "0x"), 16, 32)
		return NewObject(e.Type, "System.Exception").Set("Message", e.Message).Set("HResult", int64(int32(n))).
			Set("InnerException", nil).Set("ToString()", e.Type+": "+e.Message), true
	case "fullyqualifiederrorid":
		return e.ID, true
	case "categoryinfo":
		return NewObject("System.Management.Automation.ErrorCategoryInfo").Set("Category", Enum{"System.Management.Automation.ErrorCategory", e.Category, 0}).
			Set("Reason", lastSegment(e.Type)).Set("TargetName", ""), true
	}
	return nil, false
}

func writeMember(object any, name string, v any) error {
	switch o := object.(type) {
	case *Dictionary:
		o.Set(name, v)
		return nil
	case *Object:
		if _, had := o.Get(name); had {
			o.Set(name, v)
			return nil
		}
	}
	return soft("PropertyNotFound", "InvalidOperation", "The property '%s' cannot be found on this object. Verify that the property exists and can be set.", name)
}

func readIndex(object, at any) (any, error) {
	if d, ok := object.(*Dictionary); ok {
		if n, isNumber := at.(int64); isNumber && d.Ordered {
			if n >= 0 && int(n) < len(d.keys) {
				at = d.keys[n]
			}
		}
		v, _ := d.Get(at)
		return v, nil
	}
	if object == nil {
		return nil, soft("NullArray", "InvalidOperation", "Cannot index into a null array.")
	}
	var items []any
	switch o := object.(type) {
	case []any:
		items = o
	case string:
		for _, c := range o {
			items = append(items, Char(c))
		}
	default:
		items = []any{o}
	}
	if many, ok := at.([]any); ok {
		out := []any{}
		for _, one := range many {
			if n := place(one, len(items)); n >= 0 {
				out = append(out, items[n])
			}
		}
		return out, nil
	}
	if n := place(at, len(items)); n >= 0 {
		return items[n], nil
	}
	return nil, nil
}

func place(at any, size int) int {
	n := int(toLong(at))
	if n < 0 {
		n += size
	}
	if n < 0 || n >= size {
		return -1
	}
	return n
}

func writeIndex(object, at, v any) error {
	switch o := object.(type) {
	case *Dictionary:
		o.Set(at, v)
		return nil
	case []any:
		if n := place(at, len(o)); n >= 0 {
			o[n] = v
			return nil
		}
		return &thrown{record: &ErrorRecord{ID: "System.IndexOutOfRangeException", Category: "OperationStopped",
			Message: "Index was outside the bounds of the array.", Type: "System.IndexOutOfRangeException", HResult: "0x80131508"}}
	case nil:
		return soft("NullArray", "InvalidOperation", "Cannot index into a null array.")
	}
	return soft("CannotIndex", "InvalidOperation", "Unable to index into an object of type %s.", typeNameOf(object))
}
