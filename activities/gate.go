package activities

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// GateIn is one gate of one VM.
type GateIn struct {
	Run  string        `json:"run"`
	Host string        `json:"host"` // the host the VM runs on
	VM   string        `json:"vm"`
	Gate plans.RunGate `json:"gate"`
	// Within and Every are in real time.
	Within time.Duration `json:"within"`
	Every  time.Duration `json:"every"`
}

// GateOut says whether the gate passed and what was seen last.
type GateOut struct {
	Passed bool   `json:"passed"`
	Detail string `json:"detail"`
}

// CheckGate asks until the gate passes or its time is up. A gate that does not
// pass is an answer, not an error.
func (a *Activities) CheckGate(ctx context.Context, in GateIn) (GateOut, error) {
	defer beat(ctx)()
	ctx, cancel := context.WithTimeout(ctx, in.Within)
	defer cancel()
	last := "not asked yet"
	for {
		detail, passed := a.ask(ctx, in)
		if passed {
			return GateOut{Passed: true, Detail: detail}, nil
		}
		// What is cut off by the gate's own end says nothing; a connection is cut
		// off a moment before the context knows.
		if end, _ := ctx.Deadline(); time.Now().Before(end) && ctx.Err() == nil || last == "not asked yet" {
			last = detail
		}
		select {
		case <-ctx.Done():
			return GateOut{Detail: last}, context.Cause(parentOf(ctx))
		case <-time.After(in.Every):
		}
	}
}

// parentOf tells the gate's own end of time, which is an answer, from the
// activity's cancellation, which is not.
func parentOf(ctx context.Context) context.Context {
	if ctx.Err() == context.DeadlineExceeded {
		return context.Background()
	}
	return ctx
}

func (a *Activities) ask(ctx context.Context, in GateIn) (string, bool) {
	switch in.Gate.Kind {
	case "heartbeat":
		return a.askHeartbeat(ctx, in)
	case "tcp":
		return a.askTCP(ctx, in.Gate.Addresses)
	case "http":
		return a.askHTTP(ctx, in.Gate)
	case "guest-script":
		return a.askGuest(ctx, in)
	case "engine-script":
		return askEngine(ctx, in.Gate.Command)
	}
	return fmt.Sprintf("the gate %q is not known", in.Gate.Kind), false
}

// askHeartbeat reads what the guest's integration services report.
//
// Microsoft: Get-VM, Heartbeat; Msvm_HeartbeatComponent.
func (a *Activities) askHeartbeat(ctx context.Context, in GateIn) (string, bool) {
	c, err := a.observeAt(ctx, in.Host, in.VM)
	if err != nil {
		reason, _ := reasonOf(err)
		return fmt.Sprintf("cannot see %s (%s)", in.Host, reason), false
	}
	ok := c.Heartbeat == "OkApplicationsHealthy" || (!in.Gate.Healthy && c.Heartbeat == "OkApplicationsUnknown")
	return "heartbeat " + c.Heartbeat, ok
}

func (a *Activities) askTCP(ctx context.Context, addresses []string) (string, bool) {
	for _, address := range addresses {
		conn, err := a.Dial(ctx, address)
		if err != nil {
			return fmt.Sprintf("%s does not accept a connection: %v", address, err), false
		}
		_ = conn.Close()
	}
	return "accepted by " + strings.Join(addresses, ", "), true
}

// maxBody bounds what is read of an answer.
const maxBody = 1 << 20

func (a *Activities) askHTTP(ctx context.Context, g plans.RunGate) (string, bool) {
	client, err := a.httpClient(g)
	if err != nil {
		return err.Error(), false
	}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.URL, nil)
	if err != nil {
		return err.Error(), false
	}
	answer, err := client.Do(req)
	if err != nil {
		return err.Error(), false
	}
	defer func() { _ = answer.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(answer.Body, maxBody))
	if answer.StatusCode != g.Status {
		return fmt.Sprintf("%s answers %d, not %d", g.URL, answer.StatusCode, g.Status), false
	}
	if g.Contains != "" && !strings.Contains(string(body), g.Contains) {
		return fmt.Sprintf("%s answers %d without the expected text", g.URL, g.Status), false
	}
	return fmt.Sprintf("%s answers %d", g.URL, g.Status), true
}

func (a *Activities) httpClient(g plans.RunGate) (*http.Client, error) {
	config := &tls.Config{InsecureSkipVerify: g.Insecure} //nolint:gosec // the plan says so, and the report repeats it
	if g.CA != "" {
		pem, err := a.ReadFile(g.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", g.CA)
		}
	}
	return &http.Client{Transport: &http.Transport{
		Proxy: nil, TLSClientConfig: config,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) { return a.Dial(ctx, address) },
	}}, nil
}

func (a *Activities) askGuest(ctx context.Context, in GateIn) (string, bool) {
	password, err := a.Secrets(in.Gate.Secret)
	if err != nil {
		return err.Error(), false
	}
	host, err := a.Hosts(in.Host)
	if err != nil {
		return err.Error(), false
	}
	output, err := host.Guest(ctx, in.VM, in.Gate.User, hyperv.Secret(password), in.Gate.Run)
	if err != nil {
		return err.Error(), false
	}
	output = strings.TrimSpace(output)
	return fmt.Sprintf("the guest answers %q", output), strings.EqualFold(output, "true")
}

func askEngine(ctx context.Context, command []string) (string, bool) {
	out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
	text := strings.TrimSpace(string(out))
	if len(text) > 200 {
		text = text[:200]
	}
	if err != nil {
		return fmt.Sprintf("%s: %v %s", command[0], err, text), false
	}
	return fmt.Sprintf("%s exits 0", command[0]), true
}
