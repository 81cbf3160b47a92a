package control

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// apiLimit bounds a read from the engine's own API.
const apiLimit = 30 * time.Second

// StatusError is an answer of the engine's API other than 200.
type StatusError struct {
	Code int
	Text string
}

func (e *StatusError) Error() string { return fmt.Sprintf("the engine says %d: %s", e.Code, e.Text) }

// Get reads one resource of the engine's API into v. Names in the path are escaped.
func Get(ctx context.Context, e Engine, path string, query url.Values, v any) error {
	return call(ctx, e, http.MethodGet, path, query, v)
}

// Post asks the engine's API to do something and reads what it says into v.
func Post(ctx context.Context, e Engine, path string, query url.Values, v any) error {
	return call(ctx, e, http.MethodPost, path, query, v)
}

func call(ctx context.Context, e Engine, method, path string, query url.Values, v any) error {
	ctx, cancel := context.WithTimeout(ctx, apiLimit)
	defer cancel()
	plain, err := url.PathUnescape(path)
	if err != nil {
		return err
	}
	u := url.URL{Scheme: "http", Host: e.API, Path: plain, RawPath: path, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+e.Token)
	// No proxy of the environment stands between a person and the engine on
	// the same machine.
	answer, err := (&http.Client{Transport: &http.Transport{Proxy: nil}}).Do(req)
	if err != nil {
		return fmt.Errorf("the engine at %s does not answer: %w", e.API, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 4096))
		return &StatusError{Code: answer.StatusCode, Text: strings.TrimSpace(string(text))}
	}
	return json.NewDecoder(answer.Body).Decode(v)
}

// Report reads the report of a run from the engine's journal.
func Report(ctx context.Context, e Engine, runID string) (plans.Report, error) {
	var r plans.Report
	return r, Get(ctx, e, "/v1/reports/"+url.PathEscape(runID), nil, &r)
}
