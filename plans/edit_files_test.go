package plans

import (
	"errors"
	"strings"
	"testing"
)

// What was wrong before an edit does not hinder it, wherever the edit moves it to and
// whatever hid it; what it adds does.
func TestAnEditMayLeaveWhatWasWrong(t *testing.T) {
	const (
		sites   = "version: 1\nsites: [{name: a, engine: true}, {name: b}]\n"
		lost    = "plans: [{name: web, from: a, to: moon}]\n" // moon is no site, and it has no steps
		unknown = "sitse: []\n"
		broken  = "hosts: [\n"
	)
	for name, c := range map[string]struct {
		a, b, becomes string // b is edited
		left, added   string // words of one error of each, "" for none
	}{
		"another file has an unknown field": {sites + unknown, broken, "drills: []\n", "sitse", ""},
		"its own error stays":               {sites, lost, "# looked at\n" + lost, "moon", ""},
		"it stands further down":            {sites, `sites: [{name: ""}]`, `sites: [{name: c}, {name: ""}]`, "needs a name", ""},
		"the same once more":                {sites, `sites: [{name: ""}]`, `sites: [{name: ""}, {name: ""}]`, "", "needs a name"},
		"what an unreadable file hid":       {sites + lost, broken, "drills: []\n", "moon", ""},
		"what an unknown field hid":         {sites + lost, unknown, "drills: []\n", "moon", ""},
		"an error elsewhere by the edit":    {"version: 1\n" + strings.Replace(lost, "moon", "b", 1), "sites: [{name: a, engine: true}, {name: b}]\n", "sites: [{name: a, engine: true}, {name: c}]\n", "", `"b"`},
		"an error for another":              {sites, unknown, "hsots: []\n", "", "hsots"},
	} {
		files := []File{{Name: "a.yaml", Data: []byte(c.a)}, {Name: "b.yaml", Data: []byte(c.b)}}
		left, err := CheckRewrite(files, []File{{Name: "b.yaml", Data: []byte(c.becomes)}})
		var added Errors
		errors.As(err, &added)
		for what, row := range map[string]struct {
			got  Errors
			want string
		}{"left": {left, c.left}, "added": {added, c.added}} {
			if (row.want == "") != (len(row.got) == 0) || !strings.Contains(row.got.Error(), row.want) {
				t.Errorf("%s: %s: %v, want %q", name, what, row.got, row.want)
			}
		}
	}
}
