package embedded

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func options(dir string) Options {
	return Options{
		Dir:              dir,
		Namespaces:       []Namespace{{"lifeboat", 90 * 24 * time.Hour}, {"lifeboat-watch", 24 * time.Hour}},
		SearchAttributes: []string{"LifeboatPlan", "LifeboatVerdict"},
	}
}

// A second start on the same folder finds the first one's namespaces, on other
// ports: that is what a restart after a crash is.
func TestServerStartsAgainOnTheSameFolder(t *testing.T) {
	dir := t.TempDir()
	for n := range 2 {
		began := time.Now()
		o := options(dir)
		if n > 0 { // a later version asks for more
			o.SearchAttributes = append(o.SearchAttributes, "LifeboatHost")
		}
		s, err := Start(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("started in %s", time.Since(began))
		if got := retention(t, s.Address, "lifeboat"); got != 90*24*time.Hour {
			t.Errorf("retention of lifeboat = %s, want 2160h", got)
		}
		if !answers(s.UI) {
			t.Errorf("the Web UI at %s does not answer", s.UI)
		}
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// Another program holds the database, so that nobody can write or not even read:
// whoever starts the engine reads which file, and no word of SQLite's or of the
// server's insides. Once it is free the engine starts.
func TestADatabaseThatAnotherProgramHolds(t *testing.T) {
	dir := t.TempDir()
	s, err := Start(context.Background(), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	release := holdDatabase(t, dir, "BEGIN IMMEDIATE")
	startIsRefused(t, dir)
	release()
	if s, err = Start(context.Background(), options(dir)); err != nil {
		t.Fatalf("once it is free: %v", err)
	}
	_ = s.Stop()

	unread := t.TempDir()
	defer holdDatabase(t, unread, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE t (n INTEGER)")()
	startIsRefused(t, unread)
}

func startIsRefused(t *testing.T, dir string) {
	t.Helper()
	s, err := Start(context.Background(), options(dir))
	if err == nil {
		_ = s.Stop()
		t.Fatal("it starts")
	}
	if !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), filepath.Join(dir, DatabaseFile)) || strings.Contains(err.Error(), sqliteBusy) {
		t.Error(err)
	}
}

// A disk that is full as the engine starts: SQLite says so in words that reach us
// through a page of the server's own.
func TestAFullDiskIsSaidPlainly(t *testing.T) {
	err := told(errors.New("could not build arguments for function: Failed to commit transaction. Error: database or disk is full (13)"), "d/temporal.db")
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "d/temporal.db finds no space left") || strings.Contains(err.Error(), "arguments") {
		t.Error(err)
	}
	other := errors.New("something else")
	if told(other, "d") != other || told(nil, "d") != nil {
		t.Error("what is not known stays as it is")
	}
}

func holdDatabase(t *testing.T, dir, how string) (release func()) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, DatabaseFile))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	// The server that was stopped may take a moment to let the file go.
	if _, err := db.Exec("PRAGMA busy_timeout=10000; " + how); err != nil {
		t.Fatal(err)
	}
	return func() { _ = db.Close() }
}

// The database writes ahead and syncs at every commit: SQLite passes over a
// pragma that it does not know, so the file itself is asked. Its format versions
// (bytes 18 and 19 of the header) are 2 in that mode; SQLite, "Database File
// Format".
func TestDatabaseWritesAhead(t *testing.T) {
	dir := t.TempDir()
	s, err := Start(context.Background(), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Stop() }()
	file := filepath.Join(dir, DatabaseFile)
	head, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if head[18] != 2 || head[19] != 2 {
		t.Errorf("%s has format versions %d and %d: no write-ahead log", file, head[18], head[19])
	}
	if _, err := os.Stat(file + "-wal"); err != nil {
		t.Error(err)
	}
}

func retention(t *testing.T, address, namespace string) time.Duration {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	got, err := workflowservice.NewWorkflowServiceClient(conn).DescribeNamespace(context.Background(),
		&workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	if err != nil {
		t.Fatal(err)
	}
	return got.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
}

func answers(url string) bool {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if r, err := http.Get(url); err == nil {
			_ = r.Body.Close()
			return r.StatusCode == http.StatusOK
		}
	}
	return false
}
