package environment

import (
	"strings"
	"testing"
)

const small = `
environment: small
sites: [{name: a, witnesses: [WITNESS]}]
hosts: [{name: H, site: a, ip: 10.0.0.1, memory_gb: 8}, {name: I, site: a, ip: 10.0.0.2, memory_gb: 8}]
vms: [{name: V, host: H, memory_gb: 1, replicate: {to: I, frequency: 5m, REPLICATE}}]
`

func TestWitnessesAndPointsAreChecked(t *testing.T) {
	const good, fine = "{name: w, address: 10.0.0.9, port: 22}", "points: 4, app_consistent_hours: 2"
	for _, c := range []struct{ witness, replicate, wrong string }{
		{good, fine, ""},
		{"{name: w, address: nowhere, port: 22}", fine, "a witness has a name"},
		{"{name: w, address: 10.0.0.9, port: 0}", fine, "a witness has a name"},
		{"{address: 10.0.0.9, port: 22}", fine, "a witness has a name"},
		{good, "points: 25", "points are 0 to 24"},
		{good, "app_consistent_hours: 2", "app_consistent_hours"},
		{good, "points: 4, app_consistent_hours: 13", "app_consistent_hours"},
	} {
		_, err := Parse([]byte(strings.NewReplacer("WITNESS", c.witness, "REPLICATE", c.replicate).Replace(small)))
		switch {
		case c.wrong == "" && err != nil:
			t.Error(err)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%s, %s: %v, want %q", c.witness, c.replicate, err, c.wrong)
		}
	}
}
