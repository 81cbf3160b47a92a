package e2e

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

// browser is a real one without a window, driven by the DevTools protocol over
// its pipe: a message each way ends with a zero byte.
type browser struct {
	t    *testing.T
	in   *os.File
	pipe *os.File
	out  *bufio.Reader
	// part is a message that had not ended when a call gave up.
	part []byte
	seq  int
}

// answerWithin is how long the browser may think about one command. A frame that
// is replaced meanwhile answers never; its reader looks for the next one.
const answerWithin = 20 * time.Second

// newBrowser starts Chromium, or skips the test where there is none.
func newBrowser(t *testing.T, flags ...string) *browser {
	t.Helper()
	bin := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			bin = found
			break
		}
	}
	if bin == "" {
		t.Skip("no Chromium here")
	}
	theirs, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--user-data-dir=" + t.TempDir(), "--remote-debugging-pipe",
	}, flags...)...)
	cmd.ExtraFiles = []*os.File{theirs, ours} // 3 and 4, as Chromium expects
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = theirs.Close(), ours.Close()
	b := &browser{t: t, in: in, pipe: out, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		// Asked to close it ends its own helpers too; a timer cuts a deaf one.
		cut := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_, _ = b.call("", "Browser.close", nil, nil), cmd.Wait()
		cut.Stop()
		_, _ = in.Close(), out.Close()
	})
	return b
}

// call sends a command to the browser ("") or to a page and waits for its answer.
func (b *browser) call(session, method string, params map[string]any, result any) error {
	b.seq++
	m := map[string]any{"id": b.seq, "method": method}
	if params != nil {
		m["params"] = params
	}
	if session != "" {
		m["sessionId"] = session
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if _, err := b.in.Write(append(text, 0)); err != nil {
		return err
	}
	if err := b.pipe.SetReadDeadline(time.Now().Add(answerWithin)); err != nil {
		return err
	}
	for {
		answer, err := b.read()
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", method, err)
		case session != "" && answer.Method == "Target.detachedFromTarget" && answer.Params.SessionID == session:
			return fmt.Errorf("%s: the page or frame is gone", method)
		case answer.ID != b.seq: // an event, or what an earlier call gave up waiting for
			continue
		case answer.Error != nil:
			return fmt.Errorf("%s: %s", method, answer.Error.Message)
		case result == nil:
			return nil
		}
		return json.Unmarshal(answer.Result, result)
	}
}

// said is an answer or an event.
type said struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct{ Message string }
	Method string
	Params struct{ SessionID string }
}

func (b *browser) read() (m said, err error) {
	text, err := b.out.ReadBytes(0)
	b.part = append(b.part, text...)
	if err != nil {
		return m, err
	}
	text, b.part = b.part[:len(b.part)-1], nil
	return m, json.Unmarshal(text, &m)
}

func (b *browser) must(session, method string, params map[string]any, result any) {
	b.t.Helper()
	if err := b.call(session, method, params, result); err != nil {
		b.t.Fatal(err)
	}
}

// open shows an address in a new page of that size and returns its session.
func (b *browser) open(address string, width, height int) string {
	b.t.Helper()
	var target struct {
		TargetID string `json:"targetId"`
	}
	b.must("", "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	session, err := b.attach(target.TargetID)
	if err != nil {
		b.t.Fatal(err)
	}
	b.must(session, "Page.enable", nil, nil)
	b.must(session, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil)
	b.must(session, "Page.navigate", map[string]any{"url": address}, nil)
	return session
}

func (b *browser) attach(target string) (string, error) {
	var s struct {
		SessionID string `json:"sessionId"`
	}
	err := b.call("", "Target.attachToTarget", map[string]any{"targetId": target, "flatten": true}, &s)
	return s.SessionID, err
}

var errNoFrame = errors.New("the page has no such frame")

// frame finds the frame with this address in a page, in whichever process the
// browser has put it, and returns what evaluates in it. It is good until the page
// takes the frame down or loads it anew: who waits finds it each time.
func (b *browser) frame(page, address string) (func(script string) (string, error), error) {
	var found struct {
		Result struct {
			ObjectID string `json:"objectId"`
		}
	}
	script := fmt.Sprintf("document.querySelector('iframe[src=%q]')", address)
	if err := b.call(page, "Runtime.evaluate", map[string]any{"expression": script}, &found); err != nil {
		return nil, err
	}
	if found.Result.ObjectID == "" {
		return nil, errNoFrame
	}
	var element struct {
		Node struct {
			FrameID string `json:"frameId"`
		}
	}
	if err := b.call(page, "DOM.describeNode", map[string]any{"objectId": found.Result.ObjectID}, &element); err != nil {
		return nil, err
	}
	// A frame in a process of its own is a target under the same id, once somebody
	// has asked for all of them.
	if err := b.call("", "Target.getTargets", map[string]any{"filter": []any{map[string]any{}}}, nil); err != nil {
		return nil, err
	}
	if own, err := b.attach(element.Node.FrameID); err == nil {
		return func(script string) (string, error) { return b.evaluate(own, script, 0) }, nil
	}
	var world struct {
		ID int `json:"executionContextId"`
	}
	err := b.call(page, "Page.createIsolatedWorld", map[string]any{"frameId": element.Node.FrameID}, &world)
	return func(script string) (string, error) { return b.evaluate(page, script, world.ID) }, err
}

func (b *browser) evaluate(session, script string, world int) (string, error) {
	params := map[string]any{"expression": script, "returnByValue": true, "awaitPromise": true}
	if world != 0 {
		params["contextId"] = world
	}
	var v struct {
		Result struct{ Value any }
		Failed *struct{ Text string } `json:"exceptionDetails"`
	}
	if err := b.call(session, "Runtime.evaluate", params, &v); err != nil {
		return "", err
	}
	if v.Failed != nil {
		return "", errors.New(v.Failed.Text)
	}
	return fmt.Sprint(v.Result.Value), nil
}

// picture writes what the page looks like to a PNG file.
func (b *browser) picture(session, file string) {
	b.t.Helper()
	var shot struct{ Data string }
	b.must(session, "Page.captureScreenshot", map[string]any{"format": "png"}, &shot)
	text, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
