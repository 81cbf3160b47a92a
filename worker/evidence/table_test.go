package evidence

import (
	"strings"
	"testing"
)

// Where a comma stands in numbers, spreadsheets split a CSV file at semicolons,
// within quotes too: what follows one begins a cell.
func TestASemicolonBeginsNoFormula(t *testing.T) {
	for _, name := range []string{`x;=cmd|'/c calc'!A1`, `x; ;"=1+1"`, "a;-2+3|cmd", "a;\t@SUM(A1)"} {
		body, err := table(named(name))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(body), ";") {
			if strings.ContainsAny(firstOf(part), "=+-@|%") && !strings.HasPrefix(part, "'") {
				t.Errorf("%q: a cell begins with %.30q", name, part)
			}
		}
	}
	if got := cell("disk 2; -5;ok"); got != "disk 2; -5;ok" {
		t.Errorf("%q", got)
	}
}
