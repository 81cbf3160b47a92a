package panel

import (
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// ExtensionID is the panel's name in the Web UI's configuration and in the
// messages between the frame and the page around it.
const ExtensionID = "lifeboat.run-panel"

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// Page is what is shown at one moment.
type Page struct {
	// Runs are the open runs, newest first, or the last one that ended.
	Runs []plans.RunStatus
	// This is true when Runs is the run whose page is open in the Web UI. When
	// it is not known the page says so.
	This bool
	// Problem says why the runs cannot be read, "" when they can.
	Problem string
	// Now is the time of the picture; its zone is the one that times are
	// written in.
	Now time.Time
}

// Render writes the page as HTML. Whatever text a run holds (names of VMs, what
// hosts said) is escaped.
func (p Page) Render(w io.Writer) error {
	shown := struct {
		Title, Note, At, Problem, ID string
		Runs                         []runView
		CSS                          template.CSS
		JS                           template.JS
	}{
		Title: "Lifeboat", Note: p.note(), At: p.Now.Format("15:04:05 MST"), Problem: p.Problem, ID: ExtensionID,
		CSS: template.CSS(pageCSS), JS: template.JS(pageJS),
	}
	for _, s := range p.Runs {
		shown.Runs = append(shown.Runs, viewRun(s, p.Now))
	}
	var text strings.Builder
	if err := pageTemplate.Execute(&text, shown); err != nil {
		return err
	}
	_, err := io.WriteString(w, plain(text.String()))
	return err
}

// plain shows control characters, and those that turn the direction of text,
// as a dot: a name must not rearrange what stands around it.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '\u00b7'
		}
		return r
	}, text)
}

const blind = "The panel cannot tell which run's page you opened."

// note says which runs these are: a reader must never take another run for the
// one whose page is open.
func (p Page) note() string {
	open := len(p.Runs) > 0 && p.Runs[0].Ended.IsZero()
	switch {
	case p.Problem != "":
		return ""
	case len(p.Runs) == 0 && p.This:
		return "This page is not of a plan's run."
	case len(p.Runs) == 0:
		return "No run is open, and none has ended that is still known."
	case p.This:
		return "The run of this page."
	case !open:
		return "No run is open: this is the last one that ended. " + blind
	case len(p.Runs) == 1:
		return "This is the run that is open now. " + blind
	}
	return fmt.Sprintf("%d runs are open now, the newest first. %s", len(p.Runs), blind)
}

// hashes are what the Content-Security-Policy allows: the page's own style and
// script, and nothing a name could smuggle in.
func hashes() (style, script string) {
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return hash(pageCSS), hash(pageJS)
}
