package embedded

import (
	"context"
	"net/http"
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
	for range 2 {
		began := time.Now()
		s, err := Start(context.Background(), options(dir))
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
