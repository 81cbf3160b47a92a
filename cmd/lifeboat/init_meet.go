package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
)

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
