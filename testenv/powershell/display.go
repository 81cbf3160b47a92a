package powershell

import (
	"fmt"
	"io"
	"strings"
)

// display writes output as the console would: text as it is, objects with up to
// four properties as a table, others as a list.
// Microsoft: about_Format.ps1xml.
type display struct {
	out  io.Writer
	rows []*Object
}

func newDisplay(out io.Writer) *display { return &display{out: out} }

func (d *display) add(v any) error {
	switch v := v.(type) {
	case *Object:
		if _, hasText := v.Get("ToString()"); !hasText && len(v.names) > 0 {
			if len(d.rows) > 0 && strings.Join(d.rows[0].names, ",") != strings.Join(v.names, ",") {
				d.flush()
			}
			d.rows = append(d.rows, v)
			return nil
		}
	case *Dictionary:
		for _, key := range v.keys {
			item, _ := v.Get(key)
			d.rows = append(d.rows, NewObject().Set("Name", key).Set("Value", item))
		}
		return nil
	case nil:
		return nil
	case []any:
		return spread(v, d.add)
	}
	d.flush()
	_, err := fmt.Fprint(d.out, toString(v)+"\r\n")
	return err
}

func (d *display) flush() {
	if len(d.rows) == 0 {
		return
	}
	rows := d.rows
	d.rows = nil
	if len(rows[0].names) > 4 {
		writeList(d.out, rows)
		return
	}
	writeTable(d.out, rows)
}

func cell(v any) string {
	if items, many := v.([]any); many {
		return "{" + joinText(items, ", ") + "}"
	}
	return toString(v)
}

func writeTable(out io.Writer, rows []*Object) {
	names := rows[0].names
	lines := [][]string{names, make([]string, len(names))}
	for i, name := range names {
		lines[1][i] = strings.Repeat("-", len(name))
	}
	for _, row := range rows {
		var cells []string
		for _, name := range names {
			v, _ := row.Get(name)
			cells = append(cells, cell(v))
		}
		lines = append(lines, cells)
	}
	widths := make([]int, len(names))
	for _, l := range lines {
		for i, c := range l {
			widths[i] = max(widths[i], len([]rune(c)))
		}
	}
	fmt.Fprint(out, "\r\n")
	for _, l := range lines {
		var b strings.Builder
		for i, c := range l {
			b.WriteString(c + strings.Repeat(" ", widths[i]-len([]rune(c))+1))
		}
		fmt.Fprint(out, strings.TrimRight(b.String(), " ")+"\r\n")
	}
	fmt.Fprint(out, "\r\n\r\n")
}

func writeList(out io.Writer, rows []*Object) {
	fmt.Fprint(out, "\r\n")
	for _, row := range rows {
		width := 0
		for _, name := range row.names {
			width = max(width, len(name))
		}
		fmt.Fprint(out, "\r\n")
		for _, name := range row.names {
			v, _ := row.Get(name)
			fmt.Fprintf(out, "%-*s : %s\r\n", width, name, cell(v))
		}
	}
	fmt.Fprint(out, "\r\n\r\n")
}

func outString(x *execution) (stage, error) {
	return gather(x, func(items []any) error {
		var b strings.Builder
		d := newDisplay(&b)
		for _, item := range items {
			if err := d.add(item); err != nil {
				return err
			}
		}
		d.flush()
		return x.emit(b.String())
	}), nil
}

// formatAs answers text; that is all a console makes of the format objects.
func formatAs(table bool) func(x *execution) (stage, error) {
	return func(x *execution) (stage, error) {
		return gather(x, func(items []any) error {
			var rows []*Object
			for _, item := range items {
				v, err := x.project(item)
				if err != nil {
					return err
				}
				for _, each := range asList(v) {
					if o, ok := each.(*Object); ok {
						rows = append(rows, o)
					}
				}
			}
			if len(rows) == 0 {
				return nil
			}
			var b strings.Builder
			if table {
				writeTable(&b, rows)
			} else {
				writeList(&b, rows)
			}
			return x.emit(strings.TrimSuffix(b.String(), "\r\n"))
		}), nil
	}
}
