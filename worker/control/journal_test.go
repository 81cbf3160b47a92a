package control

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A run is named after its plan, whose name may hold anything: its report is asked for
// by that name, escaped once.
func TestAReportOfAnyNameIsFound(t *testing.T) {
	mux := http.NewServeMux()
	asked := ""
	mux.HandleFunc("GET /v1/reports/{id}", func(w http.ResponseWriter, r *http.Request) {
		asked = r.PathValue("id")
		_, _ = w.Write([]byte("{}"))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	for _, name := range []string{"north-20260101-100000", "file server", "Büro Verlust", "a/b", "100 %", `"x" & ?#+`} {
		if _, err := Report(t.Context(), Engine{API: strings.TrimPrefix(server.URL, "http://")}, name); err != nil || asked != name {
			t.Errorf("%q: asked for %q, %v", name, asked, err)
		}
	}
}
