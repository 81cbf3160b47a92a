package hypervisor

import (
	"encoding/json"
	"fmt"
	"strings"
)

// DialectOfTrace is the dialect of real hosts, as a self-test wrote it down: the
// names in the list "dialects" of a JSON object of format 1.
func DialectOfTrace(text []byte) (Dialect, error) {
	var trace struct {
		Format   int       `json:"format"`
		Dialects *[]string `json:"dialects"`
	}
	if err := json.Unmarshal(text, &trace); err != nil {
		return Dialect{}, fmt.Errorf("this is no trace of a self-test: %w", err)
	}
	if trace.Format != 1 || trace.Dialects == nil {
		return Dialect{}, fmt.Errorf("this is no trace of format 1 of a self-test (format %d)", trace.Format)
	}
	return DialectNamed(strings.Join(*trace.Dialects, ","))
}
