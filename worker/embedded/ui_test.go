package embedded

import "testing"

// The UI itself judges the frame: a configuration that it refuses would leave
// every page without it.
func TestTheFrameIsOneTheUIAccepts(t *testing.T) {
	o := options("")
	if customUI(o).Enabled {
		t.Error("a frame without an address")
	}
	for address, knows := range map[string]bool{"http://127.0.0.1:4711/token/": false, "https://localhost:4711/token/": true} {
		o.Frame = Frame{ID: "lifeboat.run-panel", Title: "runs", URL: address}
		o.Banner = Frame{ID: "lifeboat.readiness", Title: "readiness", URL: address + "banner"}
		c := customUI(o)
		if err := c.Validate(false); err != nil || !c.Enabled {
			t.Errorf("%s: enabled %v, %v", address, c.Enabled, err)
		}
		if len(c.IframeExtensions) != 2 || c.IframeExtensions[1].Slot != "app.top-nav.sub-nav" || len(c.IframeExtensions[1].Permissions) > 0 {
			t.Errorf("%s: the banner: %+v", address, c.IframeExtensions)
		}
		if got := len(c.IframeExtensions[0].Permissions) > 0; got != knows {
			t.Errorf("%s: may know the page: %v, want %v", address, got, knows)
		}
	}
}
