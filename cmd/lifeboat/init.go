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
		Name: "init", Usage: "read hosts and write the configuration of the replication that they have; changes nothing on them",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "host", Usage: "NAME=ADDRESS[:PORT][@CERTIFICATE-NAME]; repeat it for every host"},
			&cli.StringSliceFlag{Name: "site", Usage: "SITE=HOST: where a host stands, which no host tells; may be repeated"},
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
	hosts, err := namedHosts(c)
	if err != nil {
		return err
	}
	sites, err := namedSites(c, hosts)
	if err != nil {
		return err
	}
	dir := c.String("write")
	if err := free(dir); err != nil {
		return err
	}
	found, err := worker.Discover(c.Context, hosts, sites)
	var unread *worker.UnreadError
	switch {
	case errors.As(err, &unread):
		words := terminal{out: t.err}
		words.say("REFUSED  %d of %d hosts could not be read. Nothing was changed, nothing was", len(unread.Hosts), len(hosts))
		words.say("written: half a picture would look like a whole one.")
		for _, h := range unread.Hosts {
			showStopped(words, h)
		}
		return quietly(exitNoAccess)
	case err != nil:
		return &failure{exitFinding, err}
	}
	file := ""
	if dir != "" {
		if file, err = worker.WriteNew(dir, found.Text); err != nil {
			return fail(exitRefused, "REFUSED  nothing was written: %v", err)
		}
	}
	if asJSON {
		return t.json(discovered{Hosts: len(hosts), Told: found.Hosts, Groups: found.Groups, VMs: found.VMs, Unprotected: found.Unprotected, Notes: found.Notes, File: file, Text: string(found.Text)})
	}
	words := t
	if file == "" {
		if _, err := t.out.Write(found.Text); err != nil {
			return err
		}
		words.out = t.err
	}
	showDiscovery(words, len(hosts), found, file)
	return nil
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

func showDiscovery(t terminal, hosts int, d plans.Discovery, file string) {
	t.say("Read %d hosts. Read only: nothing was changed there.", hosts)
	for _, h := range d.Hosts {
		t.wrapped("  ", 4, plain(h))
	}
	t.say("Found %d VMs that replicate, in %d groups. No first copy is needed for them.", d.VMs, d.Groups)
	if n := len(d.Unprotected); n > 0 {
		t.wrapped("NOT PROTECTED  ", 15, fmt.Sprintf("%d VMs: %s", n, plain(strings.Join(d.Unprotected, ", "))))
	}
	if len(d.Notes) > 0 {
		t.say("")
		t.say("What could not be told, and what to know now:")
	}
	for _, n := range d.Notes {
		t.wrapped("  ! ", 4, plain(n))
	}
	if file == "" {
		return
	}
	t.say("")
	t.say("Wrote %s", file)
	dir := shellWord(filepath.Dir(file))
	t.say("Next:")
	t.say("  1 look at its comments: which site has the engine, networks, disks, and a")
	t.say("    recovery plan to begin with, at its end")
	t.say("  2 lifeboat plan validate --config %s", dir)
	t.say("  3 lifeboat check --config %s", dir)
	t.say("  4 lifeboat up --config %s, and in another shell lifeboat status", dir)
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
	login := plans.WinRM{Transport: c.String("transport"), Auth: c.String("auth"), User: c.String("user"), Domain: c.String("domain"), Secret: plans.SecretRef(c.String("secret")), CA: c.String("ca")}
	switch {
	case len(c.StringSlice("host")) == 0:
		return nil, usage("init needs hosts: --host NAME=ADDRESS, once for each")
	case login.User == "":
		return nil, usage("init needs the account: --user NAME")
	case !strings.HasPrefix(string(login.Secret), "env:") && !strings.HasPrefix(string(login.Secret), "file:"):
		return nil, usage("init needs where the password is: --secret env:NAME or --secret file:PATH; never the password itself")
	}
	// The written file lies elsewhere than this command runs.
	if path, isFile := strings.CutPrefix(string(login.Secret), "file:"); isFile {
		login.Secret = plans.SecretRef("file:" + absolute(path))
	}
	if login.CA != "" {
		login.CA = absolute(login.CA)
	}
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
		h.Address = at
		if address, port, err := net.SplitHostPort(at); err == nil {
			h.Address = address
			if h.WinRM.Port, err = strconv.Atoi(port); err != nil {
				return nil, usage("--host is %q: %q is no port", text, port)
			}
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// namedSites are where hosts stand, as far as the command line says it.
func namedSites(c *cli.Context, hosts []plans.Host) (map[string]string, error) {
	sites := map[string]string{}
	for _, text := range c.StringSlice("site") {
		site, host, ok := strings.Cut(text, "=")
		if !ok || site == "" || !slices.ContainsFunc(hosts, func(h plans.Host) bool { return h.Name == host }) {
			return nil, usage("--site is %q: write SITE=HOST, with a host of --host", text)
		}
		sites[host] = site
	}
	return sites, nil
}
