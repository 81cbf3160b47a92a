package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
)

// setUp is a first set-up in questions and answers. Nothing is written before the
// last answer, and nothing is changed on any host.
type setUp struct {
	*asker
	flags  *cli.Context
	login  plans.WinRM // what flags say of every host
	hosts  []plans.Host
	chosen plans.Chosen
	// typed are the passwords by account; last is what the next host is offered.
	typed    worker.Typed
	accounts []worker.Account
	last     plans.WinRM
}

// askAll asks for what the command line leaves out.
func askAll(t terminal, c *cli.Context) error {
	s := &setUp{asker: newAsker(t), flags: c, login: namedLogin(c), typed: worker.Typed{}}
	err := s.run(c.Context)
	if errors.Is(err, errNobody) {
		return fail(exitRefused, "REFUSED  you stopped. Nothing was written, and nothing was changed on any host.")
	}
	return err
}

func (s *setUp) run(ctx context.Context) error {
	if err := s.named(); err != nil {
		return err
	}
	s.say("Nothing is written before the last question, and nothing is changed on hosts.")
	if err := s.askSites(ctx); err != nil {
		return err
	}
	if err := s.askHosts(ctx); err != nil {
		return err
	}
	all, err := s.read(ctx)
	if err != nil {
		return err
	}
	found, err := plans.Discover(all, s.chosen)
	if err != nil {
		return &failure{exitFinding, err}
	}
	s.say("")
	showFound(s.terminal, len(all), found)
	if err := s.decide(ctx, found); err != nil {
		return err
	}
	if err := s.draft(ctx, all, found.Ways); err != nil {
		return err
	}
	return s.write(ctx, all)
}

// named takes what flags say.
func (s *setUp) named() error {
	if s.login.Secret != "" {
		if err := checkSecret(s.login.Secret); err != nil {
			return err
		}
	}
	hosts, err := hostsOfFlags(s.flags, s.login)
	if err != nil {
		return err
	}
	s.hosts = hosts
	if s.chosen, err = namedSites(s.flags, hosts); err != nil {
		return err
	}
	return free(s.flags.String("write"))
}

func (s *setUp) askSites(ctx context.Context) error {
	if len(s.chosen.Order) < 2 || len(s.chosen.Sites) < len(s.hosts) {
		given := s.chosen.Order
		if err := s.until(ctx, "Two sites or more? Name them (primary first): ", func(text string) error {
			names := listed(text)
			for i, name := range names {
				if slices.ContainsFunc(names[:i], func(o string) bool { return strings.EqualFold(o, name) }) {
					return fmt.Errorf("%s is there twice", plain(name))
				}
			}
			for _, name := range given {
				if !slices.Contains(names, name) {
					return fmt.Errorf("%s is a site too, by a flag: name it with the others", plain(name))
				}
			}
			if len(names) < 2 {
				return errors.New("a failover needs two sites; write them by commas: hq, warehouse")
			}
			s.chosen.Order = names
			return nil
		}); err != nil {
			return err
		}
	}
	if s.chosen.Engine != "" {
		return nil
	}
	second := s.chosen.Order[1]
	return s.until(ctx, fmt.Sprintf("Lifeboat runs on this machine, which no plan moves. It stands at [%s]: ", plain(second)), func(text string) error {
		if text == "" {
			text = second
		}
		site, ok := sameName(s.chosen.Order, text)
		if !ok {
			return fmt.Errorf("%q is none of %s", plain(text), plain(strings.Join(s.chosen.Order, ", ")))
		}
		if s.chosen.Engine = site; site == s.chosen.Order[0] {
			s.wrapped("  ", 2, fmt.Sprintf("If %s is lost, Lifeboat is lost with it, and no plan can leave %s. Better run it at the site that takes over.", plain(site), plain(site)))
		}
		return nil
	})
}

// sameName finds a name however it was written.
func sameName(names []string, typed string) (string, bool) {
	i := slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, typed) })
	if i < 0 {
		return "", false
	}
	return names[i], true
}

// askHosts meets the hosts one after another: a password that is wrong is sent to one
// of them, once, and not to all.
func (s *setUp) askHosts(ctx context.Context) error {
	if len(s.hosts) > 0 {
		return s.meetNamed(ctx)
	}
	for {
		for _, site := range s.chosen.Order {
			if err := s.askHostsAt(ctx, site); err != nil {
				return err
			}
		}
		if len(s.hosts) > 0 {
			return nil
		}
		s.say("  No host was named: there is nothing to read.")
	}
}

// meetNamed is for hosts that flags name.
func (s *setUp) meetNamed(ctx context.Context) error {
	named := s.hosts
	s.hosts = nil
	for _, h := range named {
		site := s.chosen.Sites[h.Name]
		if site == "" {
			if err := s.until(ctx, fmt.Sprintf("%s stands at (%s): ", plain(h.Name), plain(strings.Join(s.chosen.Order, ", "))), func(text string) error {
				ok := false
				if site, ok = sameName(s.chosen.Order, text); !ok {
					return fmt.Errorf("%q is no site", plain(text))
				}
				return nil
			}); err != nil {
				return err
			}
		}
		if err := s.meet(ctx, site, h); err != nil {
			return err
		}
	}
	return nil
}

func (s *setUp) askHostsAt(ctx context.Context, site string) error {
	var addresses []string
	err := s.until(ctx, fmt.Sprintf("Hosts at %s, by address (several by commas, none: Enter): ", plain(site)), func(text string) error {
		addresses = listed(text)
		for i, one := range addresses {
			if err := checkAddress(one); err != nil {
				return err
			}
			if slices.Contains(addresses[:i], one) {
				return fmt.Errorf("%s is there twice", plain(one))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, text := range addresses {
		host := plans.Host{WinRM: s.login}
		host.Address, host.WinRM.Port, _ = addressOf(text) // looked at above
		if err := s.meet(ctx, site, host); err != nil {
			return err
		}
	}
	return nil
}

// addressWords is where a host is, as it was typed.
func addressWords(h plans.Host) string {
	if h.WinRM.Port == 0 {
		return h.Address
	}
	return net.JoinHostPort(h.Address, strconv.Itoa(h.WinRM.Port))
}

// checkAddress wants an IP address: on the day names may not resolve.
func checkAddress(text string) error {
	address, _, err := addressOf(text)
	if err != nil {
		return err
	}
	if _, err := netip.ParseAddr(address); err != nil {
		return fmt.Errorf("%q is no IP address, such as 10.10.10.5 or 10.10.10.5:5986: on the day names may not resolve", plain(text))
	}
	return nil
}

// meet goes the whole way to a host, and lets a person put right what stands in it. A
// host without a name is called as it calls itself.
func (s *setUp) meet(ctx context.Context, site string, host plans.Host) error {
	unnamed := host.Name == ""
	for {
		if unnamed {
			host.Name = host.Address
		}
		wrong, err := s.approach(ctx, &host)
		if err != nil {
			return err
		}
		if wrong == nil {
			var met worker.Met
			if met, wrong = worker.Meet(ctx, host, s.typed); wrong == nil {
				if unnamed {
					host.Name = met.Name
				}
				return s.add(ctx, site, host, met)
			}
		}
		if ctx.Err() != nil {
			return errNobody
		}
		if err := s.putRight(ctx, &host, wrong); err != nil {
			return err
		}
	}
}

// add takes a host that was met.
func (s *setUp) add(ctx context.Context, site string, host plans.Host, met worker.Met) error {
	same := slices.IndexFunc(s.hosts, func(h plans.Host) bool { return strings.EqualFold(h.Name, host.Name) })
	if same < 0 {
		s.wrapped("  ", 2, fmt.Sprintf("%s  %s", plain(host.Name), plain(met.OS)))
		s.hosts = append(s.hosts, host)
		s.chosen.Sites[host.Name] = site
		s.last = host.WinRM
		return nil
	}
	s.wrapped("  ", 2, fmt.Sprintf("%s calls itself %s, as %s does, which was named already. One host is named once; two machines of one name need --host NAME=ADDRESS.", addressWords(host), plain(host.Name), addressWords(s.hosts[same])))
	host.Name = ""
	if err := s.askAddress(ctx, &host); err != nil {
		return err
	}
	return s.meet(ctx, site, host)
}

// approach looks at who is there before a password goes anywhere, and asks for what is
// needed to sign in.
func (s *setUp) approach(ctx context.Context, host *plans.Host) (*worker.HostCheck, error) {
	if host.WinRM.Transport != "http" {
		if wrong, err := s.trust(ctx, host); wrong != nil || err != nil {
			return wrong, err
		}
	}
	if host.WinRM.User != "" && host.WinRM.Secret != "" {
		return nil, nil
	}
	return nil, s.askAccount(ctx, host)
}

// trust sees to it that the host's certificate is vouched for by an authority that a
// person named or the system knows. Nothing is trusted because it was shown.
func (s *setUp) trust(ctx context.Context, host *plans.Host) (*worker.HostCheck, error) {
	for {
		if host.WinRM.CA == "" {
			host.WinRM.CA = s.last.CA
		}
		shown, wrong := worker.LookAtCertificate(ctx, *host)
		switch {
		case wrong != nil:
			return wrong, nil
		case shown.Untrusted != "":
			s.showCertificate(*host, shown, shown.Untrusted)
			if err := s.askAuthority(ctx, host, shown); err != nil {
				return nil, err
			}
		case shown.WrongName != "":
			s.showCertificate(*host, shown, shown.WrongName)
			if len(shown.Names) == 0 {
				return &worker.HostCheck{Host: host.Name, Step: "certificate", Problem: shown.WrongName, Remedy: "give the listener a certificate with the host's DNS name in it"}, nil
			}
			letter, err := s.choose(ctx, fmt.Sprintf("  Is %s the host you mean?  [n] no  [y] yes: ", plain(shown.Names[0])), "ny")
			if err != nil {
				return nil, err
			}
			if letter == "n" {
				return &worker.HostCheck{Host: host.Name, Step: "certificate", Problem: shown.WrongName, Remedy: "check the address"}, nil
			}
			host.WinRM.ServerName = shown.Names[0]
		default:
			return nil, nil
		}
	}
}

func (s *setUp) showCertificate(host plans.Host, c worker.Certificate, why string) {
	s.wrapped("  ", 2, fmt.Sprintf("%s shows a certificate that is not trusted as it stands: %s", addressWords(host), plain(why)))
	s.wrapped("    for      ", 13, plain(strings.Join(nonEmpty(c.Subject, strings.Join(c.Names, ", ")), "; ")))
	s.wrapped("    from     ", 13, plain(c.Issuer)+", until "+c.Ends.UTC().Format(time.DateOnly))
	half := len(c.Fingerprint)/2 + 1 // behind a colon: two lines that can be compared
	s.wrapped("    SHA-256  ", 13, c.Fingerprint[:half]+" "+c.Fingerprint[half:])
}

func (s *setUp) askAuthority(ctx context.Context, host *plans.Host, shown worker.Certificate) error {
	hint := "the authority's certificate"
	if shown.SelfSigned {
		hint = "the certificate itself, exported on the host"
	}
	return s.until(ctx, "  PEM file with "+hint+": ", func(text string) error {
		if text == "" {
			return errors.New("nothing is trusted without one; Ctrl-C stops")
		}
		try := *host
		try.WinRM.CA = absolute(text)
		again, wrong := worker.LookAtCertificate(ctx, try)
		switch {
		case ctx.Err() != nil:
			return errNobody
		case wrong != nil:
			return errors.New(wrong.Problem)
		case again.Untrusted != "":
			return fmt.Errorf("%s does not vouch for it: %s", plain(text), plain(again.Untrusted))
		}
		host.WinRM.CA = try.WinRM.CA
		return nil
	})
}

// askAccount asks who signs in. The account of the host before is offered.
func (s *setUp) askAccount(ctx context.Context, host *plans.Host) error {
	if host.WinRM.User == "" {
		question := `  Account (NAME or DOMAIN\NAME): `
		if s.last.User != "" {
			question = fmt.Sprintf("  Account [%s, same password]: ", plain(accountOf(s.last)))
		}
		offered := false
		if err := s.until(ctx, question, func(text string) error {
			switch {
			case text == "" && s.last.User != "":
				host.WinRM.User, host.WinRM.Domain, offered = s.last.User, s.last.Domain, true
			case text == "":
				return errors.New("it needs an account: a local administrator of the host")
			default:
				host.WinRM.User, host.WinRM.Domain = text, s.login.Domain
				if domain, user, ok := strings.Cut(text, `\`); ok {
					host.WinRM.Domain, host.WinRM.User = domain, user
				}
			}
			return nil
		}); err != nil {
			return err
		}
		if offered && host.WinRM.Secret == "" {
			host.WinRM.Secret = s.last.Secret
		}
	}
	if host.WinRM.Secret != "" {
		return nil
	}
	// With --user the password is asked once for all hosts.
	if s.login.User != "" && s.last.Secret != "" && accountOf(host.WinRM) == accountOf(s.last) {
		host.WinRM.Secret = s.last.Secret
		return nil
	}
	text, err := s.password(ctx, "  Password (not shown): ")
	if err != nil {
		return err
	}
	ref := plans.SecretRef(fmt.Sprintf("file:typed:%d", len(s.accounts)+1))
	host.WinRM.Secret, s.typed[ref] = ref, text
	s.accounts = append(s.accounts, worker.Account{User: host.WinRM.User, Domain: host.WinRM.Domain, Typed: ref})
	return nil
}

func accountOf(w plans.WinRM) string {
	if w.Domain == "" {
		return w.User
	}
	return w.Domain + `\` + w.User
}

// putRight says what stands in the way to a host and asks what to do about it.
func (s *setUp) putRight(ctx context.Context, host *plans.Host, wrong *worker.HostCheck) error {
	at := addressWords(*host)
	if host.Name != host.Address {
		at = host.Name + " (" + at + ")"
	}
	denied := wrong.Step == "denied"
	if denied {
		s.say("REFUSED  Cannot log on to %s as %s.", plain(at), plain(accountOf(host.WinRM)))
	} else {
		s.say("REFUSED  Cannot read %s. It stopped at: %s", plain(at), wrong.Step)
	}
	s.say("Means    Its half of the picture is missing. Nothing was changed.")
	s.wrapped("Do       ", 9, plain(wrong.Remedy))
	s.wrapped("Raw      ", 9, plain(wrong.Problem))
	question, letters := "  [r] try again  [a] another account  [d] another address: ", "rad"
	if denied {
		question, letters = "  [a] another account or password  [d] another address  [r] try again: ", "adr"
	}
	letter, err := s.choose(ctx, question, letters)
	if err != nil {
		return err
	}
	switch letter {
	case "a":
		s.forget(host.WinRM)
		host.WinRM.User, host.WinRM.Domain, host.WinRM.Secret = "", "", ""
		return s.askAccount(ctx, host)
	case "d":
		host.WinRM.ServerName = ""
		return s.askAddress(ctx, host)
	}
	return nil
}

// forget drops a password that no host has taken.
func (s *setUp) forget(w plans.WinRM) {
	used := slices.ContainsFunc(s.hosts, func(h plans.Host) bool { return h.WinRM.Secret == w.Secret })
	if used {
		return
	}
	s.accounts = slices.DeleteFunc(s.accounts, func(a worker.Account) bool { return a.Typed == w.Secret })
	delete(s.typed, w.Secret)
}

func (s *setUp) askAddress(ctx context.Context, host *plans.Host) error {
	return s.until(ctx, "  Address: ", func(text string) error {
		if err := checkAddress(text); err != nil {
			return err
		}
		host.Address, host.WinRM.Port, _ = addressOf(text)
		return nil
	})
}

// read reads all hosts; those that fell silent meanwhile are tried again when a person
// says so.
func (s *setUp) read(ctx context.Context) ([]plans.FoundHost, error) {
	for {
		all, err := worker.Discover(ctx, s.hosts, s.typed)
		var unread *worker.UnreadError
		switch {
		case ctx.Err() != nil:
			return nil, errNobody
		case err == nil:
			return all, nil
		case !errors.As(err, &unread):
			return nil, &failure{exitFinding, err}
		}
		showUnread(s.terminal, len(s.hosts), unread)
		if _, err := s.line(ctx, "  Enter tries again, Ctrl-C stops: "); err != nil {
			return nil, err
		}
	}
}

// write asks where, and writes; where that fails another folder may be named.
func (s *setUp) write(ctx context.Context, all []plans.FoundHost) error {
	if dir := s.flags.String("write"); dir != "" {
		if err := s.writeTo(dir, all); err != nil {
			return fail(exitRefused, "REFUSED  nothing was written: %v", err)
		}
		return nil
	}
	return s.until(ctx, fmt.Sprintf("Write to [%s]: ", configFlag.Value), func(text string) error {
		if text == "" {
			text = configFlag.Value
		}
		if free(text) != nil {
			return errors.New(plain(text) + " has a configuration, which is not overwritten: name another folder")
		}
		return s.writeTo(text, all)
	})
}

func (s *setUp) writeTo(dir string, all []plans.FoundHost) error {
	site, err := worker.WriteNew(dir, s.accounts, s.typed, func(refs map[plans.SecretRef]plans.SecretRef) ([]byte, error) {
		hosts := slices.Clone(all)
		for i := range hosts {
			if ref := refs[hosts[i].Host.WinRM.Secret]; ref != "" {
				hosts[i].Host.WinRM.Secret = ref
			}
		}
		found, err := plans.Discover(hosts, s.chosen)
		return found.Text, err
	})
	if err == nil {
		s.showEnd(site)
	}
	return err
}

func (s *setUp) showEnd(site worker.NewSite) {
	first := "look at its comments: networks and addresses no host tells whole"
	if len(s.chosen.Plans) == 0 {
		first += "; a recovery plan to begin with is at its end"
	}
	for _, p := range s.chosen.Plans {
		first += fmt.Sprintf(". Plan %s is a draft: it has no gates and no people, and nobody has drilled it", plain(p.Name))
	}
	showWritten(s.terminal, site, first)
}
