package plans

import (
	"os"
	"strings"
	"testing"
)

// The drills of docs/configuration.md are read as they stand there.
func TestTheDocumentedDrillsAreValid(t *testing.T) {
	text, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "## Drills\n")
	_, rest, _ = strings.Cut(rest, "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/configuration.md has no example of drills")
	}
	files := drilling(example)
	files[0].Data = []byte(strings.NewReplacer("name: all", "name: northgate-site-loss", "stage: base", "stage: identity", "stage: top", "stage: data").Replace(string(files[0].Data)))
	cfg, err := Decode(files)
	if err != nil {
		t.Fatal(err)
	}
	if d := cfg.Drills[0]; len(d.Criteria) != 6 || len(d.Blackout) != 6 || len(d.Weeks) != 2 || !d.PauseOnFailure {
		t.Errorf("%+v", d)
	}
}
