package embedded

import (
	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
)

type webUI struct{ server *uiserver.Server }

// startUI serves the Web UI for looking and answering. Everything that passes
// by the validators of a run (terminate, cancel, reset, signal, start, ...) is
// switched off; Updates stay.
func startUI(temporal string, port int, namespace string) *webUI {
	server := uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		TemporalGRPCAddress: temporal,
		Host:                loopback,
		Port:                port,
		EnableUI:            true,
		DefaultNamespace:    namespace,
		DisableNewsFetch:    true,
		HideLogs:            true,
		// Loopback is plain HTTP; without this the UI's own requests lack
		// their CSRF cookie.
		CORS: uiconfig.CORS{CookieInsecure: true},

		WorkflowTerminateDisabled: true,
		WorkflowCancelDisabled:    true,
		WorkflowSignalDisabled:    true,
		WorkflowResetDisabled:     true,
		WorkflowPauseDisabled:     true,
		BatchActionsDisabled:      true,
		StartWorkflowDisabled:     true,
		ActivityCommandsDisabled:  true,
	}))
	go func() { _ = server.Start() }()
	return &webUI{server: server}
}

func (w *webUI) stop() { w.server.Stop() }
