package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/membership/static"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"
)

const (
	loopback = "127.0.0.1"
	// clusterName is stored in the database: never change it.
	clusterName = "active"
	// DatabaseFile is the name of the SQLite file in the data folder.
	DatabaseFile = "temporal.db"
)

// Namespace is a Temporal namespace and how long closed histories stay in it.
type Namespace struct {
	Name      string
	Retention time.Duration
}

// Options say where the server keeps its data and what it must offer.
type Options struct {
	// Dir is the data folder; it must exist.
	Dir string
	// Port is the gRPC port, UIPort the Web UI's; 0 picks a free one.
	Port, UIPort int
	// Namespaces are created when missing; the first is the UI's default.
	Namespaces []Namespace
	// SearchAttributes (keywords) are registered in every namespace.
	SearchAttributes []string
	// Frame is a page shown on every run's page of the UI, none when its URL
	// is "".
	Frame Frame
	// Banner is a page shown above every page of the UI.
	Banner Frame
}

// Frame is a page that the Web UI shows within its own.
type Frame struct {
	// ID is the frame's name in its messages to the page around it, Title what
	// a screen reader says.
	ID, Title string
	// URL is the page. With https on this machine's own name the UI tells the
	// frame which run's page is open; with http, on loopback only, it does not.
	URL string
}

// Server is a running Temporal server with its Web UI.
type Server struct {
	// Address is the gRPC address, UI the Web UI's base URL.
	Address string
	UI      string

	inner temporal.Server
	ui    *webUI
}

// ErrHeld is when another program holds the database.
var ErrHeld = errors.New("is held by another program; nothing was changed. End that program (a backup, a virus scan, a database browser), then start the engine again")

// ErrFull is when the database cannot grow.
var ErrFull = errors.New("finds no space left on its disk; nothing was changed. Make room there, then start the engine again: runs go on where they were")

// Start brings up the server and the UI and returns when the server accepts
// calls. The database is durable: write-ahead log, synced at every commit.
func Start(ctx context.Context, o Options) (*Server, error) {
	s, err := start(ctx, o)
	return s, told(err, filepath.Join(o.Dir, DatabaseFile))
}

// SQLite's words for its result codes 5 and 13, which the Temporal server passes on
// as text only.
const (
	sqliteBusy = "SQLITE_BUSY"
	sqliteFull = "database or disk is full"
)

// told is what a person can do about, in place of all that the server says of it.
func told(err error, database string) error {
	for text, known := range map[string]error{sqliteBusy: ErrHeld, sqliteFull: ErrFull} {
		if err != nil && strings.Contains(err.Error(), text) {
			return fmt.Errorf("the database %s %w", database, known)
		}
	}
	return err
}

func start(ctx context.Context, o Options) (*Server, error) {
	ports, err := choosePorts(o.Port, o.UIPort)
	if err != nil {
		return nil, err
	}
	cfg := serverConfig(o.Dir, ports)
	if err := prepareDatabase(cfg, o); err != nil {
		return nil, err
	}
	logged, err := OpenLog(filepath.Join(o.Dir, "temporal.log"))
	if err != nil {
		return nil, err
	}
	inner, err := temporal.NewServer(
		temporal.WithConfig(cfg),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithLogger(serverLog(logged)),
		temporal.WithStaticHosts(ports.hosts()),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithDynamicConfigClient(settings()),
	)
	if err != nil {
		return nil, fmt.Errorf("embedded temporal: %w", err)
	}
	if err := inner.Start(); err != nil {
		return nil, fmt.Errorf("embedded temporal: start: %w (the database is %s)", err, filepath.Join(o.Dir, DatabaseFile))
	}
	s := &Server{Address: fmt.Sprintf("%s:%d", loopback, ports.frontend), inner: inner}
	if err := settle(ctx, s.Address, o); err != nil {
		_ = stop(inner)
		return nil, err
	}
	s.ui = startUI(s.Address, ports.ui, o)
	s.UI = fmt.Sprintf("http://%s:%d", loopback, ports.ui)
	return s, nil
}

// stopLimit bounds an orderly stop. The server drains long polls for some ten
// seconds, which nobody needs: every commit is on disk, and a killed server is
// the case everything here is built for.
const stopLimit = 2 * time.Second

// Stop ends the UI, then the server, and returns after stopLimit at the
// latest. Histories stay in the database.
func (s *Server) Stop() error {
	s.ui.stop()
	return stop(s.inner)
}

func stop(inner temporal.Server) error {
	stopped := make(chan error, 1)
	go func() { stopped <- inner.Stop() }()
	select {
	case err := <-stopped:
		return err
	case <-time.After(stopLimit):
		return nil
	}
}

type portSet struct {
	frontend, ui int
	internal     [7]int // history, matching, worker and four membership ports
}

// hosts names the one place where each service runs. Without it the services
// look for each other through a membership ring that is kept in the database,
// and after a kill they wait most of a minute for members that are dead.
func (p portSet) hosts() map[primitives.ServiceName]static.Hosts {
	at := func(port int) static.Hosts {
		self := fmt.Sprintf("%s:%d", loopback, port)
		return static.Hosts{All: []string{self}, Self: self}
	}
	return map[primitives.ServiceName]static.Hosts{
		primitives.FrontendService: at(p.frontend), primitives.HistoryService: at(p.internal[0]),
		primitives.MatchingService: at(p.internal[1]), primitives.WorkerService: at(p.internal[2]),
	}
}

func choosePorts(frontend, ui int) (portSet, error) {
	p := portSet{frontend: frontend, ui: ui}
	var open []net.Listener
	defer func() {
		for _, l := range open {
			_ = l.Close()
		}
	}()
	take := func(want int) (int, error) {
		listen := listenAtChosen
		if want != 0 {
			listen = func() (net.Listener, error) { return listenAt(want) }
		}
		l, err := listen()
		if err != nil {
			return 0, fmt.Errorf("port %d on %s is taken: choose another or 0 for a free one: %w", want, loopback, err)
		}
		open = append(open, l)
		return l.Addr().(*net.TCPAddr).Port, nil
	}
	var err error
	if p.frontend, err = take(frontend); err != nil {
		return p, err
	}
	if p.ui, err = take(ui); err != nil {
		return p, err
	}
	for i := range p.internal {
		if p.internal[i], err = take(0); err != nil {
			return p, err
		}
	}
	return p, nil
}

// A chosen port is free for a moment before its service takes it. Systems give
// ports of their own choice, to every connection that goes out, from 32768 on:
// below it nobody comes in between. Each process begins at another place, and
// takes none twice: a server that was stopped drains its old ones for a while.
const (
	firstChosen = 20_000
	lastChosen  = 32_767
	apart       = 16 // more than one engine takes
	choices     = 400
)

var chosen atomic.Int64

// listenAtChosen listens on the next port of our choice that is free.
func listenAtChosen() (l net.Listener, err error) {
	for range choices {
		n := os.Getpid()*apart + int(chosen.Add(1))
		if l, err = listenAt(firstChosen + n%(lastChosen-firstChosen+1)); err == nil {
			return l, nil
		}
	}
	return nil, err
}

func listenAt(port int) (net.Listener, error) {
	return net.Listen("tcp", fmt.Sprintf("%s:%d", loopback, port))
}

func serverConfig(dir string, p portSet) *config.Config {
	store := config.SQL{
		PluginName:   sqliteplugin.PluginName,
		DatabaseName: filepath.Join(dir, DatabaseFile),
		ConnectAttributes: map[string]string{
			"mode": "rwc",
			// Pragmas by their own names: one that SQLite does not know is
			// passed over in silence.
			"journal_mode": "wal",
			// Every commit reaches the disk: a power cut loses no step of a
			// running failover (docs/decisions/0001-temporal.md).
			"synchronous": "full",
		},
	}
	address := fmt.Sprintf("%s:%d", loopback, p.frontend)
	service := func(grpc, membership int) config.Service {
		return config.Service{RPC: config.RPC{GRPCPort: grpc, MembershipPort: membership, BindOnLocalHost: true}}
	}
	off := config.ArchivalNamespaceDefaults{
		History:    config.HistoryArchivalNamespaceDefaults{State: "disabled"},
		Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
	}
	return &config.Config{
		Global: config.Global{Membership: config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: loopback}},
		Persistence: config.Persistence{
			DefaultStore: sqliteplugin.PluginName, VisibilityStore: sqliteplugin.PluginName, NumHistoryShards: 1,
			DataStores: map[string]config.DataStore{sqliteplugin.PluginName: {SQL: &store}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10, MasterClusterName: clusterName, CurrentClusterName: clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: address},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services: map[string]config.Service{
			"frontend": service(p.frontend, p.internal[3]),
			"history":  service(p.internal[0], p.internal[4]),
			"matching": service(p.internal[1], p.internal[5]),
			"worker":   service(p.internal[2], p.internal[6]),
		},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: "disabled"},
			Visibility: config.VisibilityArchival{State: "disabled"},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: off},
		PublicClient:      config.PublicClient{HostPort: address},
	}
}

// settings make one small server answer quickly: timers within 50 ms instead
// of a second, tasks polled often (measured in docs/decisions/0001-temporal.md).
func settings() dynamicconfig.StaticClient {
	return dynamicconfig.StaticClient{
		dynamicconfig.MakeKey("history.timerProcessorMaxTimeShift"):  50 * time.Millisecond,
		dynamicconfig.MakeKey("history.timerProcessorMaxPollRPS"):    200,
		dynamicconfig.MakeKey("history.transferProcessorMaxPollRPS"): 200,

		dynamicconfig.MakeKey("system.forceSearchAttributesCacheRefreshOnRead"): true,
	}
}

func prepareDatabase(cfg *config.Config, o Options) error {
	store := cfg.Persistence.DataStores[sqliteplugin.PluginName].SQL
	if _, err := os.Stat(store.DatabaseName); os.IsNotExist(err) {
		if err := sqlite.SetupSchema(store); err != nil {
			return fmt.Errorf("embedded temporal: create %s: %w", store.DatabaseName, err)
		}
	}
	attributes := make(map[string]enumspb.IndexedValueType, len(o.SearchAttributes))
	for _, name := range o.SearchAttributes {
		attributes[name] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
	}
	for _, ns := range o.Namespaces {
		nsConfig, err := sqlite.NewNamespaceConfig(clusterName, ns.Name, false, attributes)
		if err != nil {
			return fmt.Errorf("embedded temporal: namespace %s: %w", ns.Name, err)
		}
		if err := sqlite.CreateNamespaces(store, nsConfig); err != nil {
			return fmt.Errorf("embedded temporal: namespace %s in %s: %w", ns.Name, store.DatabaseName, err)
		}
	}
	return nil
}
