package lifeboat_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/lifeboat-dr/lifeboat"

// rooms says what each package tree may import besides the standard library
// and itself. The longest matching path decides. This table is the
// architecture: a new arrow needs a decision in docs/decisions.
var rooms = map[string][]string{
	"plans":               {"github.com/robfig/cron/v3", "github.com/goccy/go-yaml", "github.com/invopop/jsonschema"},
	"workflows":           {"plans", "activities", "go.temporal.io/sdk/workflow", "go.temporal.io/sdk/temporal", "go.temporal.io/sdk/log", "go.temporal.io/api/enums"},
	"activities":          {"plans", "activities/hyperv", "go.temporal.io/sdk/activity", "go.temporal.io/sdk/temporal"},
	"activities/hyperv":   {},
	"activities/winrm":    {"activities/hyperv", "github.com/masterzen/winrm", "github.com/bodgit/ntlmssp", "github.com/google/uuid"},
	"activities/channels": {"plans", "github.com/wneessen/go-mail", "github.com/atc0005/go-teams-notify/v2/adaptivecard"},
	"activities/journal":  {"plans", "go.etcd.io/bbolt"},
	"worker":              {"plans", "workflows", "activities", "activities/hyperv", "activities/winrm", "activities/journal", "activities/channels", "worker/control", "worker/panel", "worker/metrics", "go.temporal.io/sdk"},
	"worker/embedded":     {"go.temporal.io/server", "go.temporal.io/api", "github.com/temporalio/ui-server/v2", "google.golang.org/grpc", "google.golang.org/protobuf", "go.uber.org/zap", "gopkg.in/natefinch/lumberjack.v2"},
	"worker/control":      {"plans", "workflows", "go.temporal.io/sdk/client", "go.temporal.io/sdk/converter", "go.temporal.io/sdk/temporal", "go.temporal.io/api"},
	"worker/panel":        {"plans"},
	"worker/evidence":     {"plans"},
	"worker/metrics":      {"plans", "go.temporal.io/sdk/client", "github.com/prometheus/client_golang"},
	"cmd/lifeboat":        {"plans", "worker", "worker/embedded", "worker/control", "worker/panel", "worker/metrics", "worker/evidence", "github.com/urfave/cli/v2", "golang.org/x/term"},
	"testenv":             {"github.com/goccy/go-yaml", "github.com/google/uuid", "golang.org/x/crypto/md4", "golang.org/x/text", "golang.org/x/sync", "golang.org/x/sys", "github.com/emersion/go-smtp", "github.com/emersion/go-sasl"},
}

// labFiles alone may import the simulated hosts.
var labFiles = []string{"cmd/lifeboat/lab.go", "cmd/lifeboat/demo.go"}

// Pure rooms may not reach the machine, even through the standard library.
var (
	pure   = map[string]bool{"plans": true, "workflows": true}
	impure = []string{"os", "net", "log", "syscall", "math/rand", "crypto/rand"}
	// plans takes addresses apart; net/netip and net/url do that without I/O.
	harmless = []string{"net/netip", "net/url"}
)

func TestImportsFollowTheArchitecture(t *testing.T) {
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		file = filepath.ToSlash(file)
		room := roomOf(path.Dir(file))
		if room == "" {
			t.Errorf("%s: no room in the architecture", file)
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			imp := strings.Trim(spec.Path.Value, `"`)
			if slices.Contains(labFiles, file) && strings.HasPrefix(imp, module+"/testenv/") {
				continue
			}
			if !mayImport(room, imp) {
				t.Errorf("%s: %s must not import %s", file, room, imp)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The table itself must be able to say no.
func TestTheArchitectureRefuses(t *testing.T) {
	for _, wrong := range []struct{ room, imp string }{
		{"plans", "os"}, {"plans", "net/http"}, {"plans", "go.temporal.io/sdk/workflow"}, {"plans", module + "/activities"},
		{"workflows", module + "/activities/hyperv"}, {"workflows", "go.temporal.io/sdk/client"}, {"workflows", "os"},
		{"activities", module + "/activities/winrm"}, {"activities/hyperv", module + "/plans"},
		{"activities/channels", module + "/activities/journal"}, {"plans", "github.com/wneessen/go-mail"},
		{"testenv", module + "/plans"}, {"testenv", module + "/activities/winrm"},
		{"cmd/lifeboat", "go.temporal.io/sdk/client"}, {"cmd/lifeboat", module + "/testenv/lab"}, {"worker", module + "/testenv/lab"},
		{"worker/panel", module + "/worker/control"}, {"worker/evidence", module + "/worker"}, {"plans", module + "/worker/evidence"}, {"worker/panel", "go.temporal.io/sdk/client"},
		{"worker/metrics", module + "/activities/hyperv"}, {"worker/panel", "github.com/prometheus/client_golang/prometheus"},
	} {
		if mayImport(wrong.room, wrong.imp) {
			t.Errorf("%s may import %s", wrong.room, wrong.imp)
		}
	}
}

// roomOf returns the longest key of rooms that contains dir, or "".
func roomOf(dir string) string {
	for ; dir != "."; dir = path.Dir(dir) {
		if _, ok := rooms[dir]; ok {
			return dir
		}
	}
	return ""
}

func mayImport(room, imp string) bool {
	host, _, _ := strings.Cut(imp, "/")
	if !strings.Contains(host, ".") { // standard library
		return !pure[room] || slices.Contains(harmless, imp) || !inside(imp, impure)
	}
	if local, ok := strings.CutPrefix(imp, module+"/"); ok {
		to := roomOf(local)
		return to == room || slices.Contains(rooms[room], to)
	}
	return inside(imp, rooms[room])
}

func inside(imp string, trees []string) bool {
	for _, t := range trees {
		if imp == t || strings.HasPrefix(imp, t+"/") {
			return true
		}
	}
	return false
}
