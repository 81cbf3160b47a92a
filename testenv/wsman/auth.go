package wsman

import (
	"bytes"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// authenticate says who sent the request. Not ok means that the answer has been
// written. Authentication belongs to the connection, but Basic to the request.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request, c *connection, body []byte) (user string, ok bool) {
	header := r.Header.Get("Authorization")
	scheme, value, _ := strings.Cut(header, " ")
	secure := r.TLS != nil || s.opts.AllowUnencrypted
	switch {
	case header == "" && c.user != "" && len(body) > 0:
		return c.user, true
	case strings.EqualFold(scheme, "Basic") && secure:
		if name, password, is := r.BasicAuth(); is {
			if want, known := s.password("", name); known && samePassword(want, password) {
				return strings.ToLower(name), true
			}
		}
	case strings.EqualFold(scheme, "Negotiate"), strings.EqualFold(scheme, "NTLM"), strings.EqualFold(scheme, "Kerberos"):
		token, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
		if err != nil {
			break
		}
		return s.negotiate(w, r, c, body, token)
	}
	s.deny(w, r, "")
	return "", false
}

// samePassword takes what was sent as UTF-8 or as Latin-1: RFC 7617 leaves the
// encoding open and Python's clients use the latter.
func samePassword(want, sent string) bool {
	var wide []rune
	for _, b := range []byte(sent) {
		wide = append(wide, rune(b))
	}
	utf8 := subtle.ConstantTimeCompare([]byte(want), []byte(sent))
	latin := subtle.ConstantTimeCompare([]byte(want), []byte(string(wide)))
	return utf8|latin == 1
}

func (s *Server) negotiate(w http.ResponseWriter, r *http.Request, c *connection, body, token []byte) (string, bool) {
	inner, spnego := findNTLM(token)
	switch ntlmType(inner) {
	case 1:
		c.user, c.seal = "", nil
		h, err := startNTLM(inner, s.opts.HostName, s.opts.FQDN, time.Now())
		if err != nil {
			break
		}
		h.spnego = spnego
		c.ntlm = h
		answer := h.challenge
		if spnego {
			answer = spnegoChallenge(answer)
		}
		s.deny(w, r, base64.StdEncoding.EncodeToString(answer))
		return "", false
	case 3:
		h := c.ntlm
		c.ntlm = nil
		if h == nil {
			break
		}
		user, seal, err := h.finish(inner, s.password)
		if err != nil {
			s.log.Debug("NTLM logon refused", "error", err)
			break
		}
		c.user, c.seal = strings.ToLower(user), seal
		if spnego {
			w.Header().Set("WWW-Authenticate", "Negotiate "+base64.StdEncoding.EncodeToString(spnegoDone))
		}
		return s.welcome(w, c, body)
	case 0:
		if s.opts.Kerberos == nil {
			break
		}
		user, answer, err := s.opts.Kerberos(token)
		if err != nil {
			break
		}
		c.user = strings.ToLower(user)
		w.Header().Set("WWW-Authenticate", "Negotiate "+base64.StdEncoding.EncodeToString(answer))
		return s.welcome(w, c, body)
	}
	s.deny(w, r, "")
	return "", false
}

// welcome ends a handshake that carried no message.
func (s *Server) welcome(w http.ResponseWriter, c *connection, body []byte) (string, bool) {
	if len(body) == 0 {
		w.WriteHeader(http.StatusOK)
		return "", false
	}
	return c.user, true
}

// deny answers 401 with an empty body and no Content-Type.
func (s *Server) deny(w http.ResponseWriter, r *http.Request, token string) {
	h := w.Header()
	if token != "" {
		h.Set("WWW-Authenticate", "Negotiate "+token)
	} else {
		h["Www-Authenticate"] = []string{"Negotiate"}
		if s.opts.Kerberos != nil {
			h.Add("WWW-Authenticate", "Kerberos")
		}
		if r.TLS != nil || s.opts.AllowUnencrypted {
			h.Add("WWW-Authenticate", `Basic realm="WSMAN"`)
		}
	}
	h.Set("Content-Length", "0")
	w.WriteHeader(http.StatusUnauthorized)
}

// password finds a user as sent, with or without his domain.
func (s *Server) password(domain, user string) (string, bool) {
	names := []string{user}
	if domain != "" {
		names = append(names, domain+`\`+user, user+"@"+domain)
	}
	if d, u, ok := strings.Cut(user, `\`); ok && domain == "" {
		names = append(names, u, u+"@"+d)
	}
	for known, password := range s.opts.Users {
		for _, n := range names {
			if strings.EqualFold(known, n) {
				return password, true
			}
		}
	}
	// The lab's users carry the domain or not; the account is the same.
	for known, password := range s.opts.Users {
		_, bare, _ := strings.Cut(known, `\`)
		for _, n := range names {
			if bare != "" && strings.EqualFold(bare, n) {
				return password, true
			}
		}
	}
	return "", false
}

// findNTLM digs the NTLM message out of a SPNEGO token (RFC 4178), where it is
// the content of an OCTET STRING.
func findNTLM(token []byte) (inner []byte, spnego bool) {
	i := bytes.Index(token, ntlmSignature)
	if i <= 0 {
		return token, false
	}
	n := -1
	switch {
	case i >= 4 && token[i-4] == 0x04 && token[i-3] == 0x82:
		n = int(token[i-2])<<8 | int(token[i-1])
	case i >= 3 && token[i-3] == 0x04 && token[i-2] == 0x81:
		n = int(token[i-1])
	case i >= 2 && token[i-2] == 0x04:
		n = int(token[i-1])
	}
	if n < 0 || i+n > len(token) {
		return nil, true
	}
	return token[i : i+n], true
}

// spnegoDone is a NegTokenResp that says accept-completed.
var spnegoDone = []byte{0xa1, 0x07, 0x30, 0x05, 0xa0, 0x03, 0x0a, 0x01, 0x00}

func spnegoChallenge(token []byte) []byte {
	state := []byte{0xa0, 0x03, 0x0a, 0x01, 0x01} // accept-incomplete
	mechanism := []byte{0xa1, 0x0c, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a}
	body := append(append(state, mechanism...), der(0xa2, der(0x04, token))...)
	return der(0xa1, der(0x30, body))
}

func der(tag byte, content []byte) []byte {
	n := len(content)
	switch {
	case n < 0x80:
		return append([]byte{tag, byte(n)}, content...)
	case n < 0x100:
		return append([]byte{tag, 0x81, byte(n)}, content...)
	}
	return append([]byte{tag, 0x82, byte(n >> 8), byte(n)}, content...)
}

// The sealed form of a message. [MS-WSMV] 2.2.9.1.
const (
	sealedProtocol = "application/HTTP-SPNEGO-session-encrypted"
	sealedType     = `multipart/encrypted;protocol="` + sealedProtocol + `";boundary="Encrypted Boundary"`
	boundary       = "--Encrypted Boundary"
	octetHeader    = "Content-Type: application/octet-stream\r\n"
)

var errSealed = errors.New("malformed encrypted message")

// unsealMessage reads one multipart/encrypted body.
func unsealMessage(s *sealer, body []byte) ([]byte, error) {
	at := bytes.Index(body, []byte(octetHeader))
	if at < 0 {
		return nil, errSealed
	}
	head, data := body[:at], body[at+len(octetHeader):]
	end := bytes.LastIndex(data, []byte(boundary+"--"))
	if end < 20 {
		return nil, errSealed
	}
	data = data[:end]
	_, rest, found := bytes.Cut(head, []byte("Length="))
	if !found {
		return nil, errSealed
	}
	digits, _, _ := bytes.Cut(rest, []byte("\r\n"))
	want, err := strconv.Atoi(string(bytes.TrimSpace(digits)))
	if err != nil || binary.LittleEndian.Uint32(data) != 16 || len(data)-20 < want || want < 0 {
		return nil, errSealed
	}
	return s.unwrap(data[4:20], data[20:20+want])
}

func sealMessage(s *sealer, plain []byte) []byte {
	signature, sealed := s.wrap(plain)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\r\n\tContent-Type: %s\r\n\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=%d\r\n", boundary, sealedProtocol, len(plain))
	fmt.Fprintf(&b, "%s\r\n\t%s", boundary, octetHeader)
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(signature))))
	b.Write(signature)
	b.Write(sealed)
	b.WriteString(boundary + "--\r\n")
	return b.Bytes()
}
