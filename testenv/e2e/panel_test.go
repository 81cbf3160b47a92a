package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ui is the Web UI's address, as engine.json has it.
func (w *world) ui() string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.data(), "engine.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	var e struct {
		UI string `json:"ui"`
	}
	if err := json.Unmarshal(text, &e); err != nil {
		w.t.Fatal(err)
	}
	return e.UI
}

// panelURL is the page's address as the Web UI tells it to a browser.
func (w *world) panelURL() string {
	w.t.Helper()
	return w.frameURL("lifeboat.run-panel")
}

// frameURL is the address of a frame, by its id.
func (w *world) frameURL(id string) string {
	w.t.Helper()
	var list struct {
		Enabled          bool
		IframeExtensions []struct{ ID, Src string }
	}
	w.until("the Web UI tells its frames", func() error {
		r, err := http.Get(w.ui() + "/api/v1/ui-extensions")
		if err != nil {
			return err
		}
		defer func() { _ = r.Body.Close() }()
		return json.NewDecoder(r.Body).Decode(&list)
	})
	for _, frame := range list.IframeExtensions {
		if list.Enabled && frame.ID == id {
			return frame.Src
		}
	}
	w.t.Fatalf("frames of the Web UI: %+v", list)
	return ""
}

// waitingRun starts a planned failover that waits for a person, and stays so.
func (w *world) waitingRun() {
	w.t.Helper()
	w.up()
	w.must(0, "failover", "northgate-site-loss", "--planned", "--yes", "--detach")
	w.answerUntil("test order")
}

// answerUntil approves manual steps until the one with this name waits.
func (w *world) answerUntil(name string) {
	w.t.Helper()
	// Most of a run lies before it.
	w.within(longest, "the step "+name+" waits", func() error {
		var s struct {
			Waiting []struct {
				Step int `json:"step"`
			} `json:"waiting"`
			StepList []struct {
				Number int    `json:"number"`
				Name   string `json:"name"`
			} `json:"step_list"`
		}
		r := w.lifeboat("run", "show", "northgate-site-loss", "--output", "json")
		if err := json.Unmarshal([]byte(r.out), &s); err != nil {
			return fmt.Errorf("%w: %s%s", err, r.out, r.err)
		}
		for _, q := range s.Waiting {
			for _, step := range s.StepList {
				if step.Number != q.Step {
					continue
				}
				if step.Name == name {
					return nil
				}
				w.must(0, "run", "approve", "northgate-site-loss", "--step", fmt.Sprint(q.Step))
			}
		}
		return errors.New("it does not wait yet")
	})
}

// shots is where pictures go for somebody to look at: LIFEBOAT_SHOTS, or
// nowhere that stays.
func shots(t *testing.T) string {
	if dir := os.Getenv("LIFEBOAT_SHOTS"); dir != "" {
		return dir
	}
	return t.TempDir()
}

const bodyText = "document.body.innerText"

// inFrame waits until a script, evaluated in a frame of the page, gives what is
// wanted.
func (w *world) inFrame(b *browser, page, address, what, script string, wanted func(string) error) {
	w.t.Helper()
	w.until(what, func() error {
		in, err := b.frame(page, address)
		if err != nil {
			return err
		}
		got, err := in(script)
		if err != nil {
			return err
		}
		return wanted(got)
	})
}

// onPage is inFrame in a page itself.
func (w *world) onPage(b *browser, page, what, script string, wanted func(string) error) {
	w.t.Helper()
	w.until(what, func() error {
		got, err := b.evaluate(page, script, 0)
		if err != nil {
			return err
		}
		return wanted(got)
	})
}

// says wants all the words.
func says(words ...string) func(string) error {
	return func(text string) error {
		for _, word := range words {
			if !strings.Contains(text, word) {
				return fmt.Errorf("no %q in %s", word, text)
			}
		}
		return nil
	}
}

// frameSays waits until a frame of the page shows all the words.
func (w *world) frameSays(b *browser, page, address string, words ...string) {
	w.t.Helper()
	w.inFrame(b, page, address, fmt.Sprintf("the frame says %q", words), bodyText, says(words...))
}

// isOld is whether a page of ours says that what it shows is old.
const isOld = "'old: ' + !document.getElementById('stale').hidden"

// A real browser opens a run's page in the Web UI: the panel is there, was told
// the theme, has the height it asked for, follows the run without a reload, and
// fits a phone. It reads the same without scripts.
func TestRunPanelInABrowser(t *testing.T) {
	w := newWorld(t, "northgate", 120)
	b := newBrowser(t)
	w.waitingRun()
	panel, dir := w.panelURL(), shots(t)
	page := w.ui() + "/namespaces/lifeboat/workflows/plan%2Fnorthgate-site-loss"

	session := b.open(page, 1280, 1000)
	command := "lifeboat run approve northgate-site-loss --step"
	w.frameSays(b, session, panel, "WAITING", command, "test order", "Good copy", "Way back", "cannot tell which run's page you opened")
	w.inFrame(b, session, panel, "the Web UI has told its theme and given the height", "document.documentElement.dataset.theme + ' ' + innerHeight", func(got string) error {
		var theme string
		var height int
		if _, err := fmt.Sscanf(got, "%s %d", &theme, &height); err != nil || (theme != "light" && theme != "dark") || height <= 320 || height > 640 {
			return fmt.Errorf("%q: theme %s, height %d", got, theme, height)
		}
		return nil
	})
	w.inFrame(b, session, panel, "what the panel fetched is known", "performance.getEntriesByType('resource').filter(e => !e.name.startsWith('"+panel+"')).map(e => e.name).join()", func(got string) error {
		if got != "" {
			t.Errorf("the panel fetched from elsewhere: %q", got)
		}
		return nil
	})
	b.picture(session, filepath.Join(dir, "desktop.png"))

	phone := b.open(panel, 360, 740)
	w.onPage(b, phone, "the page on a phone", bodyText, says(command))
	if fits, err := b.evaluate(phone, "document.documentElement.scrollWidth <= 360", 0); err != nil || fits != "true" {
		t.Errorf("on a phone the page is wider than its 360 pixels (%s, %v)", fits, err)
	}
	b.picture(phone, filepath.Join(dir, "phone.png"))
	b.must(phone, "Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme", "value": "dark"}}}, nil)
	b.picture(phone, filepath.Join(dir, "phone-dark.png"))
	if dark, err := b.evaluate(phone, "getComputedStyle(document.body).backgroundColor", 0); err != nil || dark != "rgb(20, 20, 20)" {
		t.Errorf("dark: %s, %v", dark, err)
	}

	bare := b.open("about:blank", 1024, 800)
	b.must(bare, "Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	b.must(bare, "Page.navigate", map[string]any{"url": panel}, nil)
	b.must(bare, "Emulation.setEmulatedMedia", map[string]any{"media": "print"}, nil)
	w.onPage(b, bare, "the page without a script", bodyText, says(command))
	b.must(bare, "Emulation.setEmulatedVisionDeficiency", map[string]any{"type": "achromatopsia"}, nil)
	b.picture(bare, filepath.Join(dir, "print.png"))

	// A page behind others does not ask.
	b.must(session, "Page.bringToFront", nil, nil)
	w.must(0, "run", "hold", "northgate-site-loss", "--reason", "lunch")
	w.must(0, "run", "approve", "northgate-site-loss")
	w.frameSays(b, session, panel, "PAUSED", "lifeboat run resume northgate-site-loss --by NAME")
	// Every ten seconds the Web UI looks at a run that goes on; without an answer it
	// takes the run's page down, and the frame with it. The page itself stays.
	w.kill()
	b.must(phone, "Page.bringToFront", nil, nil)
	w.onPage(b, phone, "the page says that it is old", isOld, says("old: true"))
}

// With a certificate the Web UI tells the panel which run's page is open, and it
// shows that run: not the last one.
func TestRunPanelKnowsItsRun(t *testing.T) {
	w := newWorld(t, "pair", 240)
	b := newBrowser(t, "--ignore-certificate-errors")
	cert, key := w.localhostCertificate()
	w.up("--panel-cert", cert, "--panel-key", key)
	w.must(0, "failover", "both", "--planned", "--yes")
	w.must(0, "failover", "both", "--planned", "--yes", "--to", "a")
	var runs []struct{ Workflow, Run string }
	w.until("both runs are listed", func() error {
		r := w.must(0, "run", "list", "--output", "json")
		if err := json.Unmarshal([]byte(r.out), &runs); err != nil || len(runs) != 2 {
			return fmt.Errorf("%d runs: %v", len(runs), err)
		}
		return nil
	})
	panel := w.panelURL()
	if !strings.HasPrefix(panel, "https://localhost:") {
		t.Fatalf("panel at %s", panel)
	}
	address := func(i int) string {
		return fmt.Sprintf("/namespaces/lifeboat/workflows/%s/%s/timeline", url.PathEscape(runs[i].Workflow), runs[i].Run)
	}
	session := b.open(w.ui()+address(1), 1280, 900)
	w.frameSays(b, session, panel, "The run of this page.", "planned failover, a to b", "DONE")
	// On to the other run as a click in the UI goes: without loading a page.
	click := fmt.Sprintf("window.same = 'page'; a = document.createElement('a'); a.href = %q; document.body.append(a); a.click()", address(0))
	if _, err := b.evaluate(session, click, 0); err != nil {
		t.Fatal(err)
	}
	w.frameSays(b, session, panel, "The run of this page.", "planned failover, b to a", "DONE")
	if same, err := b.evaluate(session, "window.same", 0); err != nil || same != "page" {
		t.Errorf("the Web UI loaded a new page: %q, %v", same, err)
	}
	// At a run that has ended the Web UI does not look again: the frame stays.
	w.kill()
	w.inFrame(b, session, panel, "the frame says that it is old", isOld, says("old: true"))
}

// localhostCertificate writes a self-signed certificate and its key.
func (w *world) localhostCertificate() (cert, key string) {
	w.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &private.PublicKey, private)
	if err != nil {
		w.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		w.t.Fatal(err)
	}
	write := func(name, kind string, bytes []byte) string {
		file := filepath.Join(w.dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600); err != nil {
			w.t.Fatal(err)
		}
		return file
	}
	return write("panel.pem", "CERTIFICATE", der), write("panel.key", "PRIVATE KEY", secret)
}
