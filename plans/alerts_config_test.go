package plans

import (
	"strings"
	"testing"
	"time"
)

const alertsGood = `
alerts:
  to: [ops]
  timezone: Europe/London
  quiet: {from: 22:00, to: "06:30"}
  heartbeat: {secret: env:BEAT}
  channels:
    - {name: ops, mail: {server: "mail.x.example:587", from: a@x.example, to: [b@x.example], user: a, secret: file:secrets/mail}}
    - {name: room, teams: {secret: env:TEAMS}, plans: [p]}
    - {name: push, ntfy: {address: "https://ntfy.x.example/topic", token: env:NTFY}}
    - {name: relay, mail: {server: "[fd00::1]:25", from: a@x.example, to: [b@x.example], tls: none}}
  people:
    - {name: Dana, channels: [push, ops], mail: dana@x.example}
`

func decodeAlerts(t *testing.T, alerts string) (*Config, string) {
	t.Helper()
	cfg, err := Decode([]File{{Name: "a.yaml", Data: []byte(alertsBase)}, {Name: "alerts.yaml", Data: []byte(alerts)}})
	if err != nil {
		return nil, err.Error()
	}
	return cfg, ""
}

const alertsBase = `version: 1
sites: [{name: hq}, {name: dr, engine: true}]
hosts:
  - {name: A, site: hq, address: 10.0.0.1, winrm: {user: u, secret: env:A}}
  - {name: B, site: dr, address: 10.0.0.2, winrm: {user: u, secret: env:B}}
groups:
  - {name: g, from: A, to: B, frequency: 5m, vms: [{name: DB, id: 0f6c3a52-9a33-4a53-9f6d-3f9c8f6d0a01}]}
plans:
  - {name: p, from: hq, to: dr, steps: [{stage: s, vms: [{vm: DB}]}]}
`

func TestAlertsAreRead(t *testing.T) {
	cfg, err := decodeAlerts(t, alertsGood)
	if err != "" {
		t.Fatal(err)
	}
	a := cfg.Alerts
	if a.After != DefaultAlertAfter || a.Repeat.D() != 24*time.Hour || a.Level != Blocker || a.Heartbeat.Every.D() != time.Minute || a.Quiet.From != "22:00" {
		t.Errorf("%+v", a)
	}
	if host, port, ok := a.Channels[3].Mail.Host(); !ok || host != "fd00::1" || port != 25 || a.Channels[0].Mail.TLS != MailStartTLS {
		t.Errorf("%s %d %v", host, port, a.Channels[0].Mail)
	}
	// A lab's minute passes faster.
	if p := AlertPolicyOf(cfg, 60); p.After != 5*time.Second || p.Repeat != 24*time.Minute {
		t.Errorf("%+v", p)
	}
}

// Each mistake alone has its place, its words and its remedy, and shows no
// address that is a key.
func TestWhatIsWrongWithAlertsIsSaid(t *testing.T) {
	for _, row := range []struct{ from, to, words string }{
		{"to: [ops]", "to: []", "alerts.to: nobody would be told"},
		{"to: [ops]", "to: [opps]", `alerts.to[0]: there is no channel "opps"`},
		{"Europe/London", "London", `alerts.timezone: "London" is no time zone`},
		{"22:00", "25:00", `alerts.quiet.from: "25:00" is no time of day`},
		{"22:00", "06:30", "alerts.quiet.to: the quiet hours would have no end"},
		{"timezone:", "repeat: 5s\n  timezone:", "alerts.repeat: 5s is more than anybody reads"},
		{"env:BEAT", "https://beat.example/s3cret", "alerts.heartbeat.secret: is no reference to a secret"},
		{"secret: env:TEAMS", "secret: https://hook.example/s3cret", "alerts.channels[1].teams.secret: is no reference to a secret"},
		{"secret: env:TEAMS", "address: https://hook.example/s3cret", "alerts.channels[1].teams.address: whoever knows this address can write there"},
		{"secret: env:TEAMS", "url: https://hook.example/s3cret", "alerts.channels[1].teams.url: there is no such field"},
		{"plans: [p]", "plans: [q]", `alerts.channels[1].plans[0]: there is no plan "q"`},
		{"https://ntfy", "http://ntfy", "alerts.channels[2].ntfy.address: http would be sent in clear"},
		{"{address: \"https://ntfy.x.example/topic\", token", "{token", "alerts.channels[2].ntfy: needs one address"},
		{`ntfy: {address: "https://ntfy.x.example/topic", token: env:NTFY}`, `gotify: {address: "https://push.x.example"}`, "alerts.channels[2].gotify.token: gotify takes no message without a token"},
		{"ntfy:", "slack:", "alerts.channels[2].slack.address"},
		{"teams: {secret: env:TEAMS}", "teams: {secret: env:TEAMS}, slack: {secret: env:S}", "alerts.channels[1]: this channel is 2 things"},
		{"mail.x.example:587", "mail.x.example", `alerts.channels[0].mail.server: "mail.x.example" is no server with a port`},
		{"user: a, ", "", "alerts.channels[0].mail.user: one of user and secret is missing"},
		{"user: a, ", "user: a, tls: none, ", "alerts.channels[0].mail.tls: the password would be sent in clear"},
		{"to: [b@x.example], user", "to: [], user", "alerts.channels[0].mail.to: nobody would get this mail"},
		{"dana@x.example", "dana", `alerts.people[0].mail: "dana" is no mail address`},
		{"channels: [push, ops]", "channels: [phone]", `alerts.people[0].channels[0]: there is no channel "phone"`},
		{"timezone:", "level: info\n  timezone:", `alerts.level: "info" is not known here`},
	} {
		text := strings.Replace(alertsGood, row.from, row.to, 1)
		if text == alertsGood {
			t.Fatalf("nothing to replace: %s", row.from)
		}
		_, err := decodeAlerts(t, text)
		if !strings.Contains(err, "alerts.yaml:") || !strings.Contains(err, row.words) || !strings.Contains(err, "do: ") {
			t.Errorf("%s: %s", row.to, err)
		}
		if strings.Contains(err, "s3cret") {
			t.Errorf("%s is shown: %s", row.to, err)
		}
	}
	if _, err := Decode([]File{{Name: "a.yaml", Data: []byte(alertsBase + alertsGood)}, {Name: "b.yaml", Data: []byte(alertsGood)}}); err == nil || !strings.Contains(err.Error(), "alerts: is written in a.yaml and in b.yaml") {
		t.Errorf("two sections: %v", err)
	}
	// A line beside a mistake is shown, unless it is one of alerts.
	if _, err := decodeAlerts(t, strings.Replace(alertsGood, "env:TEAMS", "https://hook.example/s3cret", 1)+"nonsense: 1\n"); strings.Contains(err, "s3cret") {
		t.Errorf("%s", err)
	}
}
