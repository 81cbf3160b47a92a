package lab_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/lab"
)

// start starts a lab of a shipped or generated environment, or of YAML text.
func start(t testing.TB, name string, o lab.Options) *lab.Lab {
	t.Helper()
	load := environment.Load
	if strings.Contains(name, "\n") {
		load = func(text string) (*environment.Environment, error) { return environment.Parse([]byte(text)) }
	}
	env, err := load(name)
	if err != nil {
		t.Fatal(err)
	}
	o.Environment = env
	if o.Control == "" {
		o.Control = "127.0.0.1:0"
	}
	l, err := lab.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// until polls for a fact, with a bound.
func until(t *testing.T, what string, fact func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
		if fact() {
			return
		}
	}
	t.Fatalf("waited for: %s", what)
}

// decoded is the configuration that a lab writes, as Lifeboat reads it.
func decoded(t *testing.T, l *lab.Lab) *plans.Config {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "site")
	if err := l.WriteConfig(dir); err != nil {
		t.Fatal(err)
	}
	var files []plans.File
	for _, name := range []string{"lifeboat.yaml", "plans.yaml"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(l.Password())) {
			t.Errorf("%s holds a password", name)
		}
		files = append(files, plans.File{Name: name, Data: text})
	}
	for _, secret := range []string{"hosts", "guest"} {
		info, err := os.Stat(filepath.Join(dir, "secrets", secret))
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("secrets/%s is readable by others: %s", secret, info.Mode())
		}
	}
	cfg, err := plans.Decode(files)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestConfigurationIsReadable(t *testing.T) {
	for name, vms := range map[string]int{"pair": 3, "northgate": 10, "generate:50,2": 50} {
		t.Run(name, func(t *testing.T) {
			l := start(t, name, lab.Options{Speed: 60})
			cfg := decoded(t, l)
			n := 0
			for _, g := range cfg.Groups {
				n += len(g.VMs)
			}
			if n != vms || len(cfg.Hosts) != len(l.Hosts()) || len(cfg.Plans) != 1 {
				t.Errorf("%d VMs, %d hosts, %d plans", n, len(cfg.Hosts), len(cfg.Plans))
			}
		})
	}
}

func TestConfigurationOfOddNames(t *testing.T) {
	text, err := os.ReadFile("testdata/names.yaml")
	if err != nil {
		t.Fatal(err)
	}
	l := start(t, string(text), lab.Options{Speed: 60})
	have := map[string]string{}
	for _, g := range decoded(t, l).Groups {
		for _, v := range g.VMs {
			have[v.ID] = v.Name
		}
	}
	env := l.Farm().Environment()
	for i, v := range env.VMs {
		if have[l.Farm().VMID(i)] != v.Name {
			t.Errorf("%q became %q", v.Name, have[l.Farm().VMID(i)])
		}
	}
	if len(have) != len(env.VMs) {
		t.Errorf("%d VMs of %d", len(have), len(env.VMs))
	}
}

func TestConfigurationReplacesOnlyItsOwn(t *testing.T) {
	l := start(t, "pair", lab.Options{Speed: 60})
	dir := t.TempDir()
	for range 2 { // new, and over its own
		if err := l.WriteConfig(dir); err != nil {
			t.Fatal(err)
		}
	}
	foreign := t.TempDir()
	kept := filepath.Join(foreign, "lifeboat.yaml")
	if err := os.WriteFile(kept, []byte("version: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.WriteConfig(foreign); err == nil {
		t.Error("a folder that no lab wrote was taken")
	}
	entries, err := os.ReadDir(foreign)
	if err != nil || len(entries) != 1 {
		t.Errorf("the foreign folder holds %v, %v", entries, err)
	}
	if text, _ := os.ReadFile(kept); string(text) != "version: 1\n" {
		t.Errorf("the foreign file is now %q", text)
	}
}

func TestSeedsGiveTheSameIDs(t *testing.T) {
	ids := func(seed int64) string {
		l := start(t, "northgate", lab.Options{Seed: seed, Speed: 60})
		var all []string
		for i := range l.Farm().Environment().VMs {
			all = append(all, l.Farm().VMID(i))
		}
		return strings.Join(all, " ")
	}
	if a, b := ids(7), ids(7); a != b {
		t.Errorf("one seed, two worlds:\n%s\n%s", a, b)
	}
	if ids(7) == ids(8) {
		t.Error("two seeds, one world")
	}
}

// reachable tells whether a host's service answers: a byte of HTTP will do.
func reachable(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write([]byte("POST /wsman HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")); err != nil {
		return false
	}
	_, err = c.Read(make([]byte, 1))
	return err == nil
}

func TestHostsThatAreLostAndComeBack(t *testing.T) {
	l := start(t, "pair", lab.Options{Speed: 600})
	h := l.Hosts()[0]
	farm := l.Farm()
	for _, way := range []struct {
		name       string
		lose, back func(string, string) bool
	}{{"crash", farm.Crash, farm.PowerOn}, {"cut", farm.Cut, farm.Join}} {
		until(t, "the host answers before "+way.name, func() bool { return reachable(h.HTTP) })
		if !way.lose(h.Name, "test") {
			t.Fatalf("%s: no such host", way.name)
		}
		until(t, "the host is silent after "+way.name, func() bool { return !reachable(h.HTTP) })
		if !reachable(l.Hosts()[1].HTTP) {
			t.Errorf("%s took the other host along", way.name)
		}
		if !way.back(h.Name, "test") {
			t.Fatalf("%s: no way back", way.name)
		}
	}
	until(t, "the host answers again", func() bool { return reachable(h.HTTP) })
}

func TestCloseLeavesNothing(t *testing.T) {
	goroutines := func() string {
		var text bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&text, 1)
		return text.String()
	}
	before := runtime.NumGoroutine()
	env, err := environment.Load("pair")
	if err != nil {
		t.Fatal(err)
	}
	l, err := lab.Start(lab.Options{Environment: env, Speed: 600, Control: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	addresses := []string{l.ControlAddr()}
	for _, h := range l.Hosts() {
		addresses = append(addresses, h.HTTP, h.HTTPS)
	}
	for _, a := range l.Farm().Addresses() {
		addresses = append(addresses, a.To)
	}
	if !reachable(l.Hosts()[0].HTTP) {
		t.Fatal("the lab does not answer")
	}
	l.Close()
	for _, address := range addresses {
		if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			_ = c.Close()
			t.Errorf("%s is still open", address)
		}
	}
	var left string
	defer func() {
		if t.Failed() {
			t.Log(left)
		}
	}()
	until(t, "the goroutines are gone", func() bool { left = goroutines(); return runtime.NumGoroutine() <= before })
}

func TestAPowerShellThatIsNotThere(t *testing.T) {
	env, err := environment.Load("pair")
	if err != nil {
		t.Fatal(err)
	}
	l, err := lab.Start(lab.Options{Environment: env, Speed: 60, Control: "127.0.0.1:0", PowerShell: "/nowhere/pwsh"})
	if err == nil {
		l.Close()
		t.Fatal("the lab started")
	}
	if !strings.Contains(err.Error(), "/nowhere/pwsh") {
		t.Error(err)
	}
}
