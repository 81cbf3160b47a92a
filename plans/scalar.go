package plans

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The three frequencies of Hyper-V Replica (Microsoft: Enable-VMReplication,
// -ReplicationFrequencySec 30, 300, 900).
var frequencies = []struct {
	text string
	d    time.Duration
}{{"30s", 30 * time.Second}, {"5m", 5 * time.Minute}, {"15m", 15 * time.Minute}}

func parseDuration(text string) (Duration, error) {
	d, err := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no duration: write it like 30s, 10m or 2h30m", text)
	}
	return Duration(d), nil
}

func parseFrequency(text string) (Frequency, error) {
	for _, f := range frequencies {
		if f.text == text {
			return Frequency(f.d), nil
		}
	}
	return 0, fmt.Errorf("%q is no replication frequency: Hyper-V Replica has 30s, 5m and 15m", text)
}

var bytesForm = regexp.MustCompile(`^([0-9]+) ?(B|KB|MB|GB|TB)$`)

func parseBytes(text string) (Bytes, error) {
	m := bytesForm.FindStringSubmatch(strings.ToUpper(strings.TrimSpace(text)))
	if m == nil {
		return 0, fmt.Errorf("%q is no size: write it like 512MB or 8GB", text)
	}
	n, err := strconv.ParseUint(m[1], 10, 40)
	if err != nil {
		return 0, fmt.Errorf("%q is too large a size", text)
	}
	shift := map[string]uint{"B": 0, "KB": 10, "MB": 20, "GB": 30, "TB": 40}[m[2]]
	if n > (1<<63)>>shift {
		return 0, fmt.Errorf("%q is too large a size", text)
	}
	return Bytes(n << shift), nil
}

// String writes the duration as people write it: 30s, 10m, 2h30m.
func (d Duration) String() string {
	text := time.Duration(d).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Words is the duration as people read it: 1 h 5 min.
func (d Duration) Words() string {
	whole := d.D().Round(time.Second)
	h, m, s := int(whole.Hours()), int(whole.Minutes())%60, int(whole.Seconds())%60
	switch {
	case whole < time.Minute:
		return fmt.Sprintf("%d s", s)
	case h > 0 && m > 0:
		return fmt.Sprintf("%d h %d min", h, m)
	case h > 0:
		return fmt.Sprintf("%d h", h)
	case s > 0:
		return fmt.Sprintf("%d min %d s", m, s)
	}
	return fmt.Sprintf("%d min", m)
}

// String writes 30s, 5m or 15m.
func (f Frequency) String() string { return Duration(f).String() }

// String writes the size in the largest unit that keeps it whole.
func (b Bytes) String() string {
	for _, u := range []struct {
		shift uint
		name  string
	}{{40, "TB"}, {30, "GB"}, {20, "MB"}, {10, "KB"}} {
		if b != 0 && b%(1<<u.shift) == 0 {
			return fmt.Sprintf("%d%s", b>>u.shift, u.name)
		}
	}
	return fmt.Sprintf("%dB", uint64(b))
}

// MarshalYAML writes what Decode reads.
func (d Duration) MarshalYAML() (any, error) { return d.String(), nil }

// MarshalYAML writes what Decode reads.
func (f Frequency) MarshalYAML() (any, error) { return f.String(), nil }

// MarshalYAML writes what Decode reads.
func (b Bytes) MarshalYAML() (any, error) { return b.String(), nil }

// MarshalJSON writes the duration as people do.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (d *Duration) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	v, err := time.ParseDuration(s)
	*d = Duration(v)
	return err
}

// MarshalJSON writes the frequency as people do.
func (f Frequency) MarshalJSON() ([]byte, error) { return json.Marshal(f.String()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (f *Frequency) UnmarshalJSON(text []byte) error {
	var d Duration
	err := d.UnmarshalJSON(text)
	*f = Frequency(d)
	return err
}
