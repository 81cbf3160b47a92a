package plans

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func (c *checker) checkAlerts() {
	a := c.cfg.Alerts
	if a == nil {
		return
	}
	channels, people := c.namesAt("alerts.channels"), c.namesAt("alerts.people")
	if len(a.Channels) == 0 {
		c.fail("alerts.channels", "name a way to people: mail, teams, slack, ntfy, gotify or webhook", "there is no channel")
	}
	for i := range a.Channels {
		path := fmt.Sprintf("alerts.channels[%d]", i)
		c.unique(channels, a.Channels[i].Name, path, "channel", i)
		c.checkChannel(&a.Channels[i], path)
	}
	if len(a.To) == 0 {
		c.fail("alerts.to", "name the channels that hear what no person is named for", "nobody would be told")
	}
	for i, name := range a.To {
		c.known(channels, name, fmt.Sprintf("alerts.to[%d]", i), "channel")
	}
	for i, p := range a.People {
		path := fmt.Sprintf("alerts.people[%d]", i)
		c.unique(people, p.Name, path, "person", i)
		if len(p.Channels) == 0 {
			c.fail(path+".channels", "name at least one channel", "%s cannot be reached", p.Name)
		}
		for j, name := range p.Channels {
			c.known(channels, name, fmt.Sprintf("%s.channels[%d]", path, j), "channel")
		}
		if p.Mail != "" {
			c.checkMailAddress(p.Mail, path+".mail")
		}
	}
	c.checkAlertTimes(a)
}

func (c *checker) checkAlertTimes(a *Alerts) {
	if _, err := time.LoadLocation(a.Timezone); err != nil {
		c.fail("alerts.timezone", "write it like Europe/London", "%q is no time zone", a.Timezone)
	}
	if a.Repeat != 0 && a.Repeat.D() < time.Minute {
		c.fail("alerts.repeat", "write 24h, or how often you want to hear the same", "%s is more than anybody reads", a.Repeat)
	}
	if q := a.Quiet; q != nil {
		from, errFrom := timeOfDay(q.From)
		to, errTo := timeOfDay(q.To)
		if errFrom != nil {
			c.fail("alerts.quiet.from", `write it like "22:00"`, "%q is no time of day", q.From)
		}
		if errTo != nil {
			c.fail("alerts.quiet.to", `write it like "06:30"`, "%q is no time of day", q.To)
		}
		if errFrom == nil && errTo == nil && from == to {
			c.fail("alerts.quiet.to", "write another time, or remove quiet:", "the quiet hours would have no end")
		}
	}
	if h := a.Heartbeat; h != nil {
		c.checkReference(h.Secret, "alerts.heartbeat.secret")
		if h.Every != 0 && h.Every.D() < time.Second {
			c.fail("alerts.heartbeat.every", "write 1m", "%s is too often", h.Every)
		}
	}
}

func (c *checker) checkReference(ref SecretRef, path string) {
	if !secretForm.MatchString(string(ref)) {
		c.fail(path, "write env:NAME or file:PATH; the secret itself never stands here", "is no reference to a secret")
	}
}

func (c *checker) checkChannel(ch *Channel, path string) {
	c.exactlyOne(path, "channel", []string{"mail", "teams", "slack", "ntfy", "gotify", "webhook"},
		ch.Mail != nil, ch.Teams != nil, ch.Slack != nil, ch.Ntfy != nil, ch.Gotify != nil, ch.Webhook != nil)
	for i, name := range ch.Plans {
		if _, ok := c.plans.index[name]; !ok && !c.plans.partial {
			c.fail(fmt.Sprintf("%s.plans[%d]", path, i), "write a plan's name", "there is no plan %q", name)
		}
	}
	if ch.Mail != nil {
		c.checkMail(ch.Mail, path+".mail")
	} else if hook := ch.Hook(); hook != nil {
		c.checkHook(ch, hook, path+"."+ch.Kind())
	}
}

func (c *checker) checkMail(m *MailChannel, path string) {
	if _, _, ok := m.Host(); !ok {
		c.fail(path+".server", "write it like mail.northgate.example:587", "%q is no server with a port", m.Server)
	}
	c.checkMailAddress(m.From, path+".from")
	if len(m.To) == 0 {
		c.fail(path+".to", "write who gets it", "nobody would get this mail")
	}
	for i, to := range m.To {
		c.checkMailAddress(to, fmt.Sprintf("%s.to[%d]", path, i))
	}
	switch {
	case (m.User == "") != (m.Secret == "") && !c.anyLost(path, "user", "secret"):
		c.fail(path+".user", "write both user and secret, or neither for a relay that asks nobody", "one of user and secret is missing")
	case m.Secret != "":
		c.checkReference(m.Secret, path+".secret")
		if m.TLS == MailClear {
			c.fail(path+".tls", "use starttls or tls, or a relay that asks nobody", "the password would be sent in clear")
		}
	}
}

var mailForm = regexp.MustCompile(`^[^\s@<>"]+@[^\s@<>"]+$`)

func (c *checker) checkMailAddress(text, path string) {
	if !mailForm.MatchString(text) {
		c.fail(path, "write it like dana@northgate.example", "%q is no mail address", text)
	}
}

func (c *checker) checkHook(ch *Channel, h *HookChannel, path string) {
	key := ch.Teams != nil || ch.Slack != nil
	switch {
	case key && h.Address != "":
		c.fail(path+".address", "keep it elsewhere: secret: env:NAME or secret: file:PATH", "whoever knows this address can write there")
	case (h.Secret == "") == (h.Address == "") && !c.anyLost(path, "secret", "address"):
		c.fail(path, "write secret: env:NAME or file:PATH, where the address is kept, or else address:", "needs one address")
	case h.Secret != "":
		c.checkReference(h.Secret, path+".secret")
	case h.Address != "":
		u, err := url.Parse(h.Address)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
			c.fail(path+".address", "write it like https://push.northgate.example/topic", "is no address of the web")
		} else if u.Scheme == "http" && !h.Plaintext && !c.anyLost(path, "plaintext") {
			c.fail(path+".address", "use https://, or write plaintext: true if everybody on the way may read it", "http would be sent in clear")
		}
	}
	if h.Token != "" {
		c.checkReference(h.Token, path+".token")
		if key {
			c.fail(path+".token", "remove it", "%s takes no token", ch.Kind())
		}
	}
	if ch.Gotify != nil && h.Token == "" {
		c.fail(path+".token", "write the application's token: env:NAME or file:PATH", "gotify takes no message without a token")
	}
}

var serverForm = regexp.MustCompile(`^(\[[0-9A-Fa-f:.]+\]|[^\s:/]+):([0-9]{1,5})$`)

// Host is the server's name or address and its port.
func (m MailChannel) Host() (name string, port int, ok bool) {
	parts := serverForm.FindStringSubmatch(m.Server)
	if parts == nil {
		return "", 0, false
	}
	port, _ = strconv.Atoi(parts[2])
	return strings.Trim(parts[1], "[]"), port, port >= 1 && port <= 65535
}

// timeOfDay is "22:00" as the time since midnight.
func timeOfDay(text string) (time.Duration, error) {
	at, err := time.Parse("15:04", strings.TrimSpace(text))
	if err != nil {
		return 0, err
	}
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, nil
}
