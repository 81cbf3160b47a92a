package plans

import (
	"os"
	"strings"
	"testing"
)

// What the documentation shows can be written as it stands.
func TestTheDocumentedAlertsAreValid(t *testing.T) {
	text, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "## Alerts")
	_, after, _ = strings.Cut(after, "```yaml\n")
	yaml, _, found := strings.Cut(after, "```")
	if !found {
		t.Fatal("there is no example")
	}
	cfg, problem := decodeAlerts(t, strings.Replace(yaml, "acme-loss", "p", 1))
	if problem != "" || len(cfg.Alerts.Channels) != 7 {
		t.Errorf("%s", problem)
	}
}
