package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
)

func initCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "init", Usage: "read hosts and write the configuration of the replication that they have; changes nothing on them. At a terminal it asks for what flags leave out",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "host", Usage: "NAME=ADDRESS[:PORT][@CERTIFICATE-NAME]; repeat it for every host"},
			&cli.StringSliceFlag{Name: "site", Usage: "SITE=HOST: where a host stands, which no host tells; may be repeated"},
			&cli.StringFlag{Name: "engine", Usage: "the site where Lifeboat runs, this machine's"},
			&cli.StringFlag{Name: "user", Usage: "the account, a local administrator of every host"},
			&cli.StringFlag{Name: "domain", Usage: "the account's domain"},
			&cli.StringFlag{Name: "secret", Usage: "where its password is: env:NAME or file:PATH"},
			&cli.StringFlag{Name: "transport", Value: "https", Usage: "https or http"},
			&cli.StringFlag{Name: "auth", Value: "ntlm", Usage: "ntlm or basic"},
			&cli.StringFlag{Name: "ca", Usage: "PEM file with the authority of the hosts' WinRM certificates"},
			&cli.StringFlag{Name: "write", Usage: "the folder to write lifeboat.yaml into; without it the text goes to the output"},
			outputFlag,
		},
		Action: func(c *cli.Context) error { return discover(t, c) },
	}
}

func discover(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	if err := none(c); err != nil {
		return err
	}
	if asking(t, asJSON) && lacksFlags(c) {
		return askAll(t, c)
	}
	hosts, err := namedHosts(c)
	if err != nil {
		return err
	}
	chosen, err := namedSites(c, hosts)
	if err != nil {
		return err
	}
	dir := c.String("write")
	if err := free(dir); err != nil {
		return err
	}
	all, err := worker.Discover(c.Context, hosts, nil)
	var unread *worker.UnreadError
	switch {
	case errors.As(err, &unread):
		showUnread(terminal{out: t.err}, len(hosts), unread)
		return quietly(exitNoAccess)
	case err != nil:
		return &failure{exitFinding, err}
	}
	found, err := plans.Discover(all, chosen)
	if err != nil {
		return &failure{exitFinding, err}
	}
	var site worker.NewSite
	if dir != "" {
		if site, err = worker.WriteNew(dir, nil, nil, func(map[plans.SecretRef]plans.SecretRef) ([]byte, error) { return found.Text, nil }); err != nil {
			return fail(exitRefused, "REFUSED  nothing was written: %v", err)
		}
	}
	if asJSON {
		return t.json(discovered{Hosts: len(hosts), Told: found.Hosts, Groups: found.Groups, VMs: found.VMs, Unprotected: found.Unprotected, Notes: found.Notes, File: site.File, Text: string(found.Text)})
	}
	words := t
	if dir == "" {
		if _, err := t.out.Write(found.Text); err != nil {
			return err
		}
		words.out = t.err
	}
	showFound(words, len(hosts), found)
	if len(found.Notes) > 0 {
		words.say("")
		words.say("What could not be told, and what to know now:")
	}
	for _, n := range found.Notes {
		words.wrapped("  ! ", 4, plain(n))
	}
	if dir != "" {
		showWritten(words, site, "look at its comments: which site has the engine, networks, disks, and a recovery plan to begin with, at its end")
	}
	return nil
}

// lacksFlags is true where something is left to ask for.
func lacksFlags(c *cli.Context) bool {
	return len(c.StringSlice("host")) == 0 || c.String("user") == "" || c.String("secret") == ""
}

func showUnread(words terminal, hosts int, unread *worker.UnreadError) {
	words.say("REFUSED  %d of %d hosts could not be read. Nothing was changed, nothing was", len(unread.Hosts), hosts)
	words.say("written: half a picture would look like a whole one.")
	for _, h := range unread.Hosts {
		showStopped(words, h)
	}
}

// discovered is `init --output json`.
type discovered struct {
	Hosts       int      `json:"hosts"`
	Told        []string `json:"told"`
	Groups      int      `json:"groups"`
	VMs         int      `json:"vms"`
	Unprotected []string `json:"unprotected"`
	Notes       []string `json:"notes"`
	File        string   `json:"file,omitempty"`
	Text        string   `json:"text"`
}

func showFound(t terminal, hosts int, d plans.Discovery) {
	t.say("Read %d hosts. Read only: nothing was changed there.", hosts)
	for _, h := range d.Hosts {
		t.wrapped("  ", 4, plain(h))
	}
	t.say("Found %d VMs that replicate, in %d groups. No first copy is needed for them.", d.VMs, d.Groups)
	if n := len(d.Unprotected); n > 0 {
		t.wrapped("NOT PROTECTED  ", 15, fmt.Sprintf("%d VMs: %s", n, plain(strings.Join(d.Unprotected, ", "))))
	}
}

// showWritten says what was written, and what comes next.
func showWritten(t terminal, site worker.NewSite, first string) {
	t.say("")
	t.say("Wrote %s", site.File)
	for _, name := range site.Secrets {
		t.say("Wrote %s: the password, for your account alone", name)
	}
	config := ""
	dir := filepath.Dir(site.File)
	if filepath.Clean(dir) != filepath.Clean(configFlag.Value) || os.Getenv("LIFEBOAT_CONFIG") != "" {
		config = " --config " + shellWord(dir)
	}
	t.say("Next:")
	t.wrapped("  1", 4, first)
	t.say("  2 lifeboat plan edit%s", config)
	t.say("  3 lifeboat check%s", config)
	t.say("  4 lifeboat up%s, and in another shell lifeboat status", config)
}

// free refuses a folder in which something would be overwritten, before any host
// is asked.
func free(dir string) error {
	if dir == "" {
		return nil
	}
	for _, name := range []string{"lifeboat.yaml", "lifeboat.yml"} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return fail(exitRefused, "REFUSED  %s is there already, and is not overwritten. Name another folder with --write.", filepath.Join(dir, name))
		}
	}
	return nil
}

// namedHosts are the hosts of the command line, with the account for all.
func namedHosts(c *cli.Context) ([]plans.Host, error) {
	login := namedLogin(c)
	switch {
	case len(c.StringSlice("host")) == 0:
		return nil, usage("init needs hosts: --host NAME=ADDRESS, once for each")
	case login.User == "":
		return nil, usage("init needs the account: --user NAME")
	}
	if err := checkSecret(login.Secret); err != nil {
		return nil, err
	}
	return hostsOfFlags(c, login)
}

func checkSecret(ref plans.SecretRef) error {
	if !strings.HasPrefix(string(ref), "env:") && !strings.HasPrefix(string(ref), "file:") {
		return usage("init needs where the password is: --secret env:NAME or --secret file:PATH; never the password itself")
	}
	return nil
}

// namedLogin is how the command line says that hosts are reached.
func namedLogin(c *cli.Context) plans.WinRM {
	login := plans.WinRM{Transport: c.String("transport"), Auth: c.String("auth"), User: c.String("user"), Domain: c.String("domain"), Secret: plans.SecretRef(c.String("secret")), CA: c.String("ca")}
	// The written file lies elsewhere than this command runs.
	if path, isFile := strings.CutPrefix(string(login.Secret), "file:"); isFile {
		login.Secret = plans.SecretRef("file:" + absolute(path))
	}
	if login.CA != "" {
		login.CA = absolute(login.CA)
	}
	return login
}

func hostsOfFlags(c *cli.Context, login plans.WinRM) ([]plans.Host, error) {
	var hosts []plans.Host
	for _, text := range c.StringSlice("host") {
		name, at, ok := strings.Cut(text, "=")
		if !ok || name == "" || at == "" {
			return nil, usage("--host is %q: write NAME=ADDRESS", text)
		}
		if slices.ContainsFunc(hosts, func(h plans.Host) bool { return strings.EqualFold(h.Name, name) }) {
			return nil, usage("--host %s is there twice", name)
		}
		h := plans.Host{Name: name, WinRM: login}
		at, h.WinRM.ServerName, _ = strings.Cut(at, "@")
		var err error
		if h.Address, h.WinRM.Port, err = addressOf(at); err != nil {
			return nil, usage("--host is %q: %v", text, err)
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

// addressOf takes a port off an address, 0 where there is none.
func addressOf(text string) (address string, port int, err error) {
	address, digits, err := net.SplitHostPort(text)
	if err != nil {
		return text, 0, nil
	}
	if port, err = strconv.Atoi(digits); err != nil || port < 1 || port > 65535 {
		return "", 0, fmt.Errorf("%q is no port", digits)
	}
	return address, port, nil
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// namedSites are where hosts stand and Lifeboat runs, as far as the command line says
// it.
func namedSites(c *cli.Context, hosts []plans.Host) (plans.Chosen, error) {
	chosen := plans.Chosen{Sites: map[string]string{}, Engine: c.String("engine")}
	for _, text := range c.StringSlice("site") {
		site, host, ok := strings.Cut(text, "=")
		if !ok || site == "" || !slices.ContainsFunc(hosts, func(h plans.Host) bool { return h.Name == host }) {
			return chosen, usage("--site is %q: write SITE=HOST, with a host of --host", text)
		}
		chosen.Sites[host] = site
		if !slices.Contains(chosen.Order, site) {
			chosen.Order = append(chosen.Order, site)
		}
	}
	if chosen.Engine != "" && !slices.Contains(chosen.Order, chosen.Engine) {
		chosen.Order = append(chosen.Order, chosen.Engine)
	}
	return chosen, nil
}
