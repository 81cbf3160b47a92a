package wsman

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// WireFault disturbs the next requests.
type WireFault struct {
	// Kind is "reset" (the connection breaks before the request is read),
	// "lose" (it breaks after the request was done: the answer is lost), "401",
	// "quota" (too many shells), "operations" (too many operations), "slow" or
	// "text" (an answer that is not XML).
	Kind string
	// Count is how many requests are hit; 0 means one.
	Count int
	// Delay is how long "slow" waits.
	Delay time.Duration
	// Action limits it to requests whose Action ends with this; empty means any.
	Action string
}

// InjectWire adds a fault; faults hit in the order they were added.
func (s *Server) InjectWire(f WireFault) {
	if f.Count <= 0 {
		f.Count = 1
	}
	s.mu.Lock()
	s.faults = append(s.faults, f)
	s.mu.Unlock()
}

// nextFault takes a fault for a request; early faults hit before authentication,
// when the Action is not known yet.
func (s *Server) nextFault(early bool, action string) (WireFault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.faults {
		f := &s.faults[i]
		if (f.Action == "") != early || !strings.HasSuffix(action, f.Action) {
			continue
		}
		hit := *f
		if f.Count--; f.Count == 0 {
			s.faults = append(s.faults[:i], s.faults[i+1:]...)
		}
		return hit, true
	}
	return WireFault{}, false
}

// handle serves one HTTP request. The body is read whole before any answer,
// since a 401 on a half-read body would end the connection.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	c := r.Context().Value(connKey{}).(*connection)
	w.Header().Set("Server", "Microsoft-HTTPAPI/2.0")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2*maxEnvelopeSize))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if strings.TrimSuffix(r.URL.Path, "/") != "/wsman" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	early, hit := s.nextFault(true, "")
	if hit && s.disturb(w, r, c, early) {
		return
	}
	if strings.EqualFold(r.Header.Get("WSMANIDENTIFY"), "unauthenticated") {
		if req, err := parseRequest(body); err == nil && req.Body.Identify != nil {
			s.write(w, c, false, http.StatusOK, identifyAnswer(false))
			return
		}
	}
	user, ok := s.authenticate(w, r, c, body)
	if !ok {
		return
	}
	sealed := strings.HasPrefix(strings.ToLower(r.Header.Get("Content-Type")), "multipart/encrypted")
	switch {
	case sealed && c.seal == nil:
		w.WriteHeader(http.StatusBadRequest)
		return
	case sealed:
		if body, err = unsealMessage(c.seal, body); err != nil {
			s.log.Debug("sealed message refused", "error", err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
	case r.TLS == nil && !s.opts.AllowUnencrypted:
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	s.message(w, r, c, user, body, sealed, early.Kind == "lose")
}

// message serves one SOAP message of a known user.
func (s *Server) message(w http.ResponseWriter, r *http.Request, c *connection, user string, body []byte, sealed, lose bool) {
	req, err := parseRequest(body)
	if err != nil {
		s.write(w, c, sealed, http.StatusInternalServerError, faultSchema.render(nil, s.opts.HostName))
		return
	}
	late, hit := s.nextFault(false, req.Header.Action)
	if hit && s.disturb(w, r, c, late) {
		return
	}
	status := http.StatusOK
	out, f := s.dispatch(r.Context(), req, user, c)
	if f != nil {
		status, out = http.StatusInternalServerError, f.render(req, s.opts.HostName)
	}
	s.log.Debug("served", "action", req.Header.Action, "status", status)
	if lose || late.Kind == "lose" {
		c.reset()
		return
	}
	s.write(w, c, sealed, status, out)
}

// disturb plays a wire fault; true means that the request is over.
func (s *Server) disturb(w http.ResponseWriter, r *http.Request, c *connection, f WireFault) bool {
	switch f.Kind {
	case "reset":
		c.reset()
	case "401":
		c.user, c.seal = "", nil
		s.deny(w, r, "")
	case "quota":
		s.write(w, c, false, http.StatusInternalServerError, faultShells(s.opts.MaxShells).render(nil, s.opts.HostName))
	case "operations":
		s.write(w, c, false, http.StatusInternalServerError, faultOperations.render(nil, s.opts.HostName))
	case "text":
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, "<html><body>Service Unavailable")
	case "slow":
		wait(r.Context(), f.Delay)
		return false
	default:
		return false
	}
	return true
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (s *Server) write(w http.ResponseWriter, c *connection, sealed bool, status int, body []byte) {
	w.Header().Set("Content-Type", "application/soap+xml;charset=UTF-8")
	if sealed {
		w.Header().Set("Content-Type", sealedType)
		body = sealMessage(c.seal, body)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}
