package powershell

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// ToJSON is ConvertTo-Json -Compress -Depth of Windows PowerShell 5.1: enums as
// numbers, dates as \/Date(ms)\/, < > & ' escaped, and below the depth the
// string of what is there. Microsoft: ConvertTo-Json.
func ToJSON(v any, depth int) string {
	var b strings.Builder
	writeJSON(&b, v, depth)
	return b.String()
}

func writeJSON(b *strings.Builder, v any, depth int) {
	switch v := v.(type) {
	case nil, void:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case int:
		b.WriteString(strconv.Itoa(v))
	case float64:
		b.WriteString(floatText(v))
	case Enum:
		b.WriteString(strconv.FormatInt(v.Value, 10))
	case time.Time:
		fmt.Fprintf(b, `"\/Date(%d)\/"`, v.UnixMilli())
	case string, GUID, Char, TypeName, *ScriptBlock, *SecureString:
		quoteJSON(b, toString(v))
	case time.Duration:
		writeMembers(b, []string{"Ticks", "TotalSeconds"}, []any{int64(v) / 100, v.Seconds()}, depth, toString(v))
	case []any:
		writeItems(b, v, depth)
	case *Dictionary:
		var names []string
		var values []any
		for _, key := range v.keys {
			item, _ := v.Get(key)
			names, values = append(names, toString(key)), append(values, item)
		}
		writeMembers(b, names, values, depth, toString(v))
	case *Object:
		var names []string
		var values []any
		for _, name := range v.names {
			if name != "ToString()" {
				item, _ := v.Get(name)
				names, values = append(names, name), append(values, item)
			}
		}
		writeMembers(b, names, values, depth, toString(v))
	default:
		quoteJSON(b, toString(v))
	}
}

func writeItems(b *strings.Builder, items []any, depth int) {
	if depth < 0 {
		quoteJSON(b, toString(items))
		return
	}
	b.WriteByte('[')
	for i, item := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		writeJSON(b, item, depth-1)
	}
	b.WriteByte(']')
}

func writeMembers(b *strings.Builder, names []string, values []any, depth int, text string) {
	if depth < 0 {
		quoteJSON(b, text)
		return
	}
	b.WriteByte('{')
	for i, name := range names {
		if i > 0 {
			b.WriteByte(',')
		}
		quoteJSON(b, name)
		b.WriteByte(':')
		writeJSON(b, values[i], depth-1)
	}
	b.WriteByte('}')
}

func quoteJSON(b *strings.Builder, s string) {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`}
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case short[c] != "":
			b.WriteString(short[c])
		case c < 32 || strings.ContainsRune("<>&'", c) || c == 0x85 || c == 0x2028 || c == 0x2029:
			for _, unit := range utf16.Encode([]rune{c}) {
				fmt.Fprintf(b, `\u%04x`, unit)
			}
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
}

// parseJSON keeps the order of members, as ConvertFrom-Json does.
func parseJSON(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := nextJSON(d)
	if err == nil && d.More() {
		err = fmt.Errorf("more than one value")
	}
	return v, err
}

func nextJSON(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '[' {
			items := []any{}
			for d.More() {
				item, err := nextJSON(d)
				if err != nil {
					return nil, err
				}
				items = append(items, item)
			}
			_, err := d.Token()
			return items, err
		}
		o := NewObject()
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			item, err := nextJSON(d)
			if err != nil {
				return nil, err
			}
			o.Set(toString(key), item)
		}
		_, err := d.Token()
		return o, err
	case json.Number:
		if n, err := t.Int64(); err == nil {
			return n, nil
		}
		return t.Float64()
	}
	return token, nil
}

// fromJSON turns what encoding/json makes into the session's values.
func fromJSON(v any) any {
	switch v := v.(type) {
	case int:
		return int64(v)
	case float64:
		if n := int64(v); float64(n) == v {
			return n
		}
	case json.Number:
		n, _ := number(v.String())
		return n
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = fromJSON(item)
		}
		return out
	case []string:
		return anyList(v)
	case map[string]any:
		o := NewObject()
		for _, name := range sortedNames(v) {
			o.Set(name, fromJSON(v[name]))
		}
		return o
	}
	return v
}
