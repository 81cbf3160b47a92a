package embedded

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

// An engine works for a server that somebody else started: with the attributes
// that are there, without those that are not, and not without a namespace.
func TestAnEngineOnAnOutsideTemporal(t *testing.T) {
	ctx := context.Background()
	o := options(t.TempDir())
	o.SearchAttributes = worker.SearchAttributes()[:1] // not all of them
	s, err := Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Stop() }()
	folder, err := worker.ClaimFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cfg := &worker.Configuration{Config: &plans.Config{Sites: []plans.Site{{Name: "north"}}}}
	start := worker.Options{Configuration: cfg, Folder: folder, Temporal: s.Address, Namespace: "nowhere", Log: slog.New(slog.DiscardHandler)}
	if _, err := worker.Start(ctx, start); err == nil || !strings.Contains(err.Error(), `no namespace "nowhere"`) {
		t.Errorf("missing namespace: %v", err)
	}
	start.Namespace = "lifeboat"
	e, err := worker.Start(ctx, start)
	if err != nil {
		t.Fatal(err)
	}
	if e.Info().SearchAttributes {
		t.Error("attributes that are not registered are counted on")
	}
	c, err := control.Dial(ctx, e.Info())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Status(ctx, "none"); !errors.Is(err, control.ErrNoRun) {
		t.Errorf("status of a plan without a run: %v", err)
	}
	c.Close()
	began := time.Now()
	if err := e.Close(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("stopping took %s", took)
	}
	if _, err := control.ReadEngine(folder.Dir); err == nil {
		t.Error("engine.json is still there")
	}
	if again, err := worker.ClaimFolder(folder.Dir); err != nil {
		t.Errorf("the journal is not released: %v", err)
	} else {
		_ = again.Release()
	}
}
