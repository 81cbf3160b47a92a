package winrm

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// frame is one line the pump wrote.
type frame struct {
	kind, id string
	payload  []byte
}

// maxLine bounds what one line of a host may take of our memory.
const maxLine = 64 << 20

// lines puts chunks of output together to frames. What is not a whole frame is
// noise and goes to the noise function.
type lines struct {
	part  []byte
	noise func(line []byte)
}

func (l *lines) add(chunk []byte) ([]frame, error) {
	l.part = append(l.part, chunk...)
	var out []frame
	for {
		end := bytes.IndexByte(l.part, '\n')
		if end < 0 {
			if len(l.part) > maxLine {
				return out, fmt.Errorf("the host wrote a line of more than %d bytes", maxLine)
			}
			return out, nil
		}
		line := bytes.TrimRight(l.part[:end], "\r")
		if f, ok := parseFrame(line); ok {
			out = append(out, f)
		} else if len(line) > 0 && l.noise != nil {
			l.noise(line)
		}
		l.part = l.part[end+1:]
	}
}

// parseFrame reads "~LB1 <kind> <id> <length> <b64>". A line that was cut on
// its way has another length than it says, and is no frame.
func parseFrame(line []byte) (frame, bool) {
	line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")) // some hosts begin UTF-8 output with a mark
	words := bytes.Split(line, []byte(" "))
	if len(words) != 5 || string(words[0]) != "~LB1" {
		return frame{}, false
	}
	n, err := strconv.Atoi(string(words[3]))
	if err != nil || !goodID(string(words[2])) {
		return frame{}, false
	}
	f := frame{kind: string(words[1]), id: string(words[2])}
	if n == 0 && string(words[4]) == "-" {
		return f, true
	}
	if n != len(words[4]) {
		return frame{}, false
	}
	f.payload, err = base64.StdEncoding.DecodeString(string(words[4]))
	return f, err == nil
}

func goodID(id string) bool {
	if len(id) == 0 || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && c != '-' && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// line writes a frame for the pump.
func (f frame) line() []byte {
	text := "-"
	if len(f.payload) > 0 {
		text = base64.StdEncoding.EncodeToString(f.payload)
	}
	return []byte(f.kind + " " + f.id + " " + text + "\n")
}

// utc is the host's clock in a frame's payload, zero when it says none.
func (f frame) utc() time.Time {
	var p struct {
		UTC time.Time `json:"utc"`
	}
	if json.Unmarshal(f.payload, &p) != nil {
		return time.Time{}
	}
	return p.UTC
}

type hello struct {
	Pump     int    `json:"pump"`
	PS       string `json:"ps"`
	Host     string `json:"host"`
	PID      int    `json:"pid"`
	Language string `json:"language"`
}

// envelope is the payload of END.
type envelope struct {
	Outcome string          `json:"outcome"`
	UTC     time.Time       `json:"utc"`
	MS      int64           `json:"ms"`
	Result  json.RawMessage `json:"result"`
	Now     json.RawMessage `json:"now"`
	Acted   bool            `json:"acted"`
	Error   *struct {
		ID       string `json:"id"`
		Category string `json:"category"`
		Message  string `json:"message"`
		Type     string `json:"type"`
		HResult  string `json:"hresult"`
	} `json:"error"`
}
