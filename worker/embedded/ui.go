package embedded

import (
	"net/url"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
)

type webUI struct{ server *uiserver.Server }

// startUI serves the Web UI for looking and answering. Everything that passes
// by the validators of a run (terminate, cancel, reset, signal, start, ...) is
// switched off; Updates stay.
func startUI(temporal string, port int, o Options) *webUI {
	server := uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		TemporalGRPCAddress: temporal,
		Host:                loopback,
		Port:                port,
		EnableUI:            true,
		DefaultNamespace:    o.Namespaces[0].Name,
		CustomUI:            customUI(o),
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

// frameHeight is the most that the UI's place for the frame can have, in CSS
// pixels; the page within scrolls.
const frameHeight = 640

// bannerHeight is the most that the place under the top bar can have.
const bannerHeight = 240

// customUI puts the frame on the pages of workflows of the first namespace, and
// the banner on all pages; its link may open a tab.
// A frame that may know the page around it must be HTTPS with an origin of its
// own, or the UI refuses its configuration
// (docs/decisions/0006-web-ui-panel.md).
func customUI(o Options) uiconfig.CustomUI {
	at, err := url.Parse(o.Frame.URL)
	if err != nil || at.Host == "" {
		return uiconfig.CustomUI{}
	}
	frame := uiconfig.IframeExtension{
		ID: o.Frame.ID, Title: o.Frame.Title, Slot: "workflow.header.after-details",
		Src: o.Frame.URL, AllowedOrigin: at.Scheme + "://" + at.Host,
		RoutePatterns: []string{"/namespaces/" + o.Namespaces[0].Name + "/workflows/:workflow/:run/*"},
		Sizing:        uiconfig.IframeExtensionSizing{MinHeight: 32, DefaultHeight: 320, MaxHeight: frameHeight},
	}
	if at.Scheme == "https" {
		frame.Permissions = []string{"context:workflow"}
		frame.Sandbox.AllowSameOrigin = true
	}
	all := []uiconfig.IframeExtension{frame}
	if o.Banner.URL != "" {
		all = append(all, uiconfig.IframeExtension{
			ID: o.Banner.ID, Title: o.Banner.Title, Slot: "app.top-nav.sub-nav", Src: o.Banner.URL, AllowedOrigin: frame.AllowedOrigin,
			Sandbox: uiconfig.IframeSandbox{AllowPopups: true},
			Sizing:  uiconfig.IframeExtensionSizing{MinHeight: 32, DefaultHeight: 32, MaxHeight: bannerHeight},
		})
	}
	return uiconfig.CustomUI{Enabled: true, IframeExtensions: all}
}

func (w *webUI) stop() { w.server.Stop() }
