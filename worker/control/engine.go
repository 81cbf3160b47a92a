package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// EngineFile is the file in the data folder in which a running engine says how
// to reach it. It holds the token, so only its owner may read it.
const EngineFile = "engine.json"

// Engine is how to reach a running engine.
type Engine struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	User    string    `json:"user"`
	Started time.Time `json:"started"`
	Version string    `json:"version"`
	// Temporal is the gRPC address, Namespace where runs live.
	Temporal  string `json:"temporal"`
	Namespace string `json:"namespace"`
	// WatchNamespace is where replication schedules live.
	WatchNamespace string `json:"watch_namespace"`
	// UI is the Temporal Web UI's base URL, "" when Temporal is outside.
	UI string `json:"ui,omitempty"`
	// API is the engine's own HTTP address (journal, reports), Token its key.
	API    string `json:"api"`
	Token  string `json:"token"`
	Config string `json:"config"`
	// Metrics is where Prometheus asks, "" for nowhere.
	Metrics string `json:"metrics,omitempty"`
	// SearchAttributes is true when the server is known to have them.
	SearchAttributes bool `json:"search_attributes"`
}

// ErrNoEngine says that no engine runs on this data folder.
var ErrNoEngine = errors.New("no engine runs on this data folder")

// ErrNotRunning says that the engine file was left behind by a process that is
// gone.
var ErrNotRunning = errors.New("the engine is not running")

// Gone is true when the engine's process is known to have ended. A process of
// another machine, or one that may not be asked, counts as there.
func (e Engine) Gone() bool {
	if here, err := os.Hostname(); err != nil || here != e.Host || e.PID <= 0 {
		return false
	}
	p, err := os.FindProcess(e.PID)
	if err != nil {
		return true
	}
	defer func() { _ = p.Release() }()
	// Windows knows no signal 0, but there a process that is gone is not found.
	err = p.Signal(syscall.Signal(0))
	return errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH)
}

// ReadEngine reads the engine file of a data folder. A missing file is
// ErrNoEngine.
func ReadEngine(data string) (Engine, error) {
	var e Engine
	text, err := os.ReadFile(filepath.Join(data, EngineFile))
	if errors.Is(err, fs.ErrNotExist) {
		return e, fmt.Errorf("%s: %w", data, ErrNoEngine)
	}
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return e, fmt.Errorf("%s is damaged: %w", filepath.Join(data, EngineFile), err)
	}
	return e, nil
}

// WriteEngine writes the engine file, whole or not at all.
func WriteEngine(data string, e Engine) error {
	text, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	name := filepath.Join(data, EngineFile)
	if err := os.WriteFile(name+".new", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// RemoveEngine removes the engine file when an engine stops in order.
func RemoveEngine(data string) error {
	return os.Remove(filepath.Join(data, EngineFile))
}
