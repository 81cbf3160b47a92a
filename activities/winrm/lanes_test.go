package winrm

import (
	"errors"
	"testing"
	"time"
)

// A site that was dark for an hour is asked again within seconds: a pause that
// had grown with its absence kept a command, and the watch on a lost site, blind
// for up to 48 seconds after its return.
func TestAHostThatWasAwayForLongIsAskedAgainSoon(t *testing.T) {
	gone := errors.New("connection refused")
	for name, c := range map[string]struct {
		err         error
		least, most time.Duration
	}{
		"nothing reached it":     {&wireError{err: gone}, 1500 * time.Millisecond, 6 * time.Second},
		"it heard, and said no":  {&wireError{wrote: true, err: gone}, 15 * time.Second, 48 * time.Second},
		"it refused the account": {errDenied, 14 * time.Second, 45 * time.Second},
		"the pump did not load":  {gone, 15 * time.Second, 48 * time.Second},
		"it is well again":       {nil, 0, 0},
	} {
		b := breaker{times: usual}
		for range 100 {
			b.note(c.err)
		}
		if left := max(0, time.Until(b.until)); left < c.least || left > c.most {
			t.Errorf("%s: it waits %s, want %s to %s", name, left, c.least, c.most)
		}
	}
}
