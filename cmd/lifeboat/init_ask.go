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
