package winrm

import (
	_ "embed"
	"encoding/base64"
	"strings"
	"unicode/utf16"
)

//go:embed pump.ps1
var pumpText string

// engine is what is started on the host. -OutputFormat Text keeps standard
// error from being one CLIXML block (about_PowerShell_exe).
const engine = "powershell.exe -NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -OutputFormat Text -EncodedCommand "

// lineLimit is what cmd.exe, which WinRS always puts in between, takes in one
// line (Command prompt line string limitation, learn.microsoft.com).
const lineLimit = 8191

// tight takes the spaces away that only people need; no text in pump.ps1 holds
// one of these runs.
var tight = strings.NewReplacer(" = ", "=", "; ", ";", ", ", ",", " { ", "{", " {", "{", "{ ", "{", " }", "}", "} ", "}", " | ", "|", "if (", "if(", "foreach (", "foreach(", "switch (", "switch(")

// pumpScript is the pump without its comments, indentation and idle spaces.
// The first line is the mark by which a pump is known, and stays.
func pumpScript() string {
	var out strings.Builder
	for i, line := range strings.Split(pumpText, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || i > 0 && strings.HasPrefix(line, "#") {
			continue
		}
		out.WriteString(tight.Replace(line) + "\n")
	}
	return out.String()
}

// CommandLine is the line that starts a session on a host. It is the same for
// every host and holds no value, so that its hash can be allow-listed.
func CommandLine() string {
	units := utf16.Encode([]rune(pumpScript()))
	raw := make([]byte, 0, 2*len(units))
	for _, u := range units {
		raw = append(raw, byte(u), byte(u>>8))
	}
	return engine + base64.StdEncoding.EncodeToString(raw)
}
