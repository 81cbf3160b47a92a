package lab_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/lab"
)

// The written configuration names the witnesses, and its addresses lead to
// where they answer.
func TestWitnessesAreWrittenAndAnswer(t *testing.T) {
	env, err := environment.Load("pair")
	if err != nil {
		t.Fatal(err)
	}
	env.Hosts[0].BMC = "10.1.99.5"
	env.Sites[0].Witnesses = []environment.Witness{{Name: "sw1", Address: "10.1.99.1", Port: 22}}
	l, err := lab.Start(lab.Options{Environment: env, Speed: 60, Control: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	dir := filepath.Join(t.TempDir(), "site")
	if err := l.WriteConfig(dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "lifeboat.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var written struct {
		Lab struct {
			Addresses []struct{ From, To string }
		}
		Sites []struct {
			Name      string
			Witnesses []struct{ Name, Address string }
		}
		Hosts []struct{ BMC string }
	}
	if err := yaml.Unmarshal(text, &written); err != nil {
		t.Fatal(err)
	}
	if w := written.Sites[0].Witnesses; len(w) != 1 || w[0].Name != "sw1" || w[0].Address != "10.1.99.1:22" || len(written.Sites[1].Witnesses) != 0 {
		t.Errorf("the sites are %+v", written.Sites)
	}
	if written.Hosts[0].BMC != "10.1.99.5" {
		t.Errorf("the BMC is %q", written.Hosts[0].BMC)
	}
	to := map[string]string{}
	for _, a := range written.Lab.Addresses {
		to[a.From] = a.To
	}
	answers := func() int {
		n := 0
		for _, from := range []string{"10.1.99.1:22", "10.1.99.5:443"} {
			if c, err := net.Dial("tcp", to[from]); err == nil {
				_ = c.Close()
				n++
			}
		}
		return n
	}
	if n := answers(); n != 2 {
		t.Errorf("%d of two witnesses answer", n)
	}
	l.Farm().Site("a", "cut", "test")
	if n := answers(); n != 0 {
		t.Errorf("behind a cut line %d answer", n)
	}
}
