package evidence

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// tableHead names the columns of the timeline.
var tableHead = []string{"line", "time_utc", "ended_utc", "seconds", "kind", "who", "vm", "host", "what", "outcome", "not_as_planned", "journal_entry"}

// table is the timeline as CSV, safe to open in a spreadsheet.
func table(e plans.Evidence) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{tableHead}
	for i, l := range e.Log {
		row := []string{strconv.Itoa(i + 1), moment(l.At), moment(l.Ended), "", l.Kind, l.Who, l.VM, l.Host, l.What, l.Outcome, l.Extra, ""}
		if !l.Ended.IsZero() {
			row[3] = strconv.FormatFloat(l.Ended.Sub(l.At).Seconds(), 'f', 1, 64)
		}
		if l.Entry > 0 {
			row[11] = strconv.FormatUint(l.Entry, 10)
		}
		rows = append(rows, row)
	}
	for _, row := range rows {
		for i := range row {
			row[i] = cell(row[i])
		}
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// cell keeps a spreadsheet from reading a text as a formula: one that begins like
// a formula, also behind spaces, is marked as text; so is what follows a semicolon,
// at which a spreadsheet of half of Europe begins a cell. Line breaks become spaces.
//
// OWASP, "CSV Injection".
func cell(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, plain(text))
	parts := strings.Split(text, ";")
	for i, part := range parts {
		parts[i] = asText(part)
	}
	return strings.Join(parts, ";")
}

func asText(part string) string {
	if strings.ContainsAny(firstOf(part), "=+-@|%\uff1d\uff0b\uff0d\uff20") {
		if _, err := strconv.ParseFloat(strings.TrimSpace(part), 64); err != nil {
			return "'" + part
		}
	}
	return part
}

func firstOf(text string) string {
	for _, r := range text {
		if !unicode.IsSpace(r) && r != '"' && r != '\'' && r != '\ufeff' {
			return string(r)
		}
	}
	return ""
}

// plain shows control characters, and those that turn the direction of text, as a
// dot: a name must not rearrange what stands around it.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '\u00b7'
		}
		return r
	}, text)
}
