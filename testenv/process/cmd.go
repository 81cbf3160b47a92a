package process

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
)

// lineLimit is the longest line cmd.exe takes, in characters.
// Microsoft: "Command prompt (Cmd.exe) command-line string limitation".
const lineLimit = 8191

// run is one command line while it runs.
type run struct {
	host           *Host
	mutexes        *Mutexes
	process        *Process
	handle         Handle
	stdout, stderr io.Writer
	owner          *owner
	by             string
}

// line does what cmd.exe /c does with the line.
func (r *run) line(ctx context.Context, line string) uint32 {
	if len(utf16.Encode([]rune(line))) > lineLimit {
		io.WriteString(r.stderr, "The command line is too long.\r\n")
		return 1
	}
	line = strings.TrimSpace(line)
	word, rest := split(line)
	name := strings.ToLower(word)
	name = name[strings.LastIndexAny(name, `\/`)+1:]
	switch strings.TrimSuffix(name, ".exe") {
	case "":
		return 0
	case "echo":
		fmt.Fprintf(r.stdout, "%s\r\n", rest)
	case "exit":
		rest = strings.TrimSpace(strings.TrimPrefix(strings.ToLower(rest), "/b"))
		n, _ := strconv.ParseInt(rest, 10, 32)
		return uint32(int32(n))
	case "hostname":
		fmt.Fprintf(r.stdout, "%s\r\n", r.host.Name)
	case "whoami":
		fmt.Fprintf(r.stdout, "%s\\lifeboat\r\n", strings.ToLower(r.host.Name))
	case "ver":
		io.WriteString(r.stdout, "\r\nMicrosoft Windows [Version 10.0.20348.2227]\r\n")
	case "powershell":
		return r.powershell(ctx, rest)
	default:
		fmt.Fprintf(r.stderr, "'%s' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n", word)
		return 1
	}
	return 0
}

// native is what a script's PowerShell finds on the path: hostname, whoami and
// another PowerShell.
func (r *run) native(ctx context.Context, name string, args []string, stdout, stderr io.Writer) (int, bool) {
	switch strings.TrimSuffix(strings.ToLower(name), ".exe") {
	case "hostname", "whoami", "powershell":
	default:
		return 0, false
	}
	inner := *r
	inner.stdout, inner.stderr = stdout, stderr
	return int(int32(inner.line(ctx, strings.Join(append([]string{name}, args...), " ")))), true
}

// split takes the first word, which may be quoted.
func split(line string) (word, rest string) {
	line = strings.TrimLeft(line, " \t")
	if strings.HasPrefix(line, `"`) {
		if word, rest, ok := strings.Cut(line[1:], `"`); ok {
			return word, strings.TrimLeft(rest, " \t")
		}
	}
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		return line[:i], strings.TrimLeft(line[i:], " \t")
	}
	return line, ""
}

// powershell reads powershell.exe's own arguments; names may be shortened.
// Microsoft: about_PowerShell_exe.
func (r *run) powershell(ctx context.Context, args string) uint32 {
	script, err := scriptOf(args)
	if err != nil {
		fmt.Fprintf(r.stderr, "%s\r\n", err)
		return 0xFFFD0000
	}
	if r.host.Engine != nil {
		return r.engine(ctx, script)
	}
	s := r.host.session(&r.by, r.handle, r.native)
	if isPump(script) {
		return r.pump(ctx, s)
	}
	return uint32(int32(s.Run(ctx, script, r.stdout, r.stderr)))
}

func isPump(script string) bool {
	for line := range strings.Lines(script) {
		if text := strings.TrimSpace(strings.TrimPrefix(line, "\ufeff")); text != "" {
			return text == "# lifeboat-pump 1"
		}
	}
	return false
}

func scriptOf(args string) (string, error) {
	for args != "" {
		word, rest := split(args)
		if !strings.HasPrefix(word, "-") && !strings.HasPrefix(word, "/") {
			return unquote(args), nil // the default is -Command
		}
		switch name := strings.ToLower(word[1:]); {
		case name == "":
			return "", errors.New("standard input as the script is not simulated; use -EncodedCommand")
		case prefix(name, "nologo", 3), prefix(name, "noprofile", 3), prefix(name, "noninteractive", 4), prefix(name, "sta", 3), prefix(name, "mta", 3):
			args = rest
		case name == "ep", prefix(name, "executionpolicy", 2), name == "of", prefix(name, "outputformat", 1),
			prefix(name, "inputformat", 2), prefix(name, "windowstyle", 1), prefix(name, "version", 1):
			_, args = split(rest)
		case name == "ec", prefix(name, "encodedcommand", 1):
			word, _ := split(rest)
			return decode(word)
		case prefix(name, "command", 1):
			return unquote(rest), nil
		default:
			return "", fmt.Errorf("the parameter %s of powershell.exe is not simulated", word)
		}
	}
	return "", nil
}

func prefix(name, full string, least int) bool {
	return len(name) >= least && strings.HasPrefix(full, name)
}

func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return strings.ReplaceAll(s[1:len(s)-1], `\"`, `"`)
	}
	return s
}

func decode(word string) (string, error) {
	b, err := base64.StdEncoding.DecodeString(word)
	if err != nil || len(b)%2 != 0 {
		return "", errors.New("cannot process the command because the value of -EncodedCommand is not base64 of UTF-16")
	}
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u)), nil
}

func encode(script string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(script)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return base64.StdEncoding.EncodeToString(b)
}
