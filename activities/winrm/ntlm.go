package winrm

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/bodgit/ntlmssp"
)

// ntlm is the security context of one connection. Its keys and sequence
// numbers go with the connection.
type ntlm struct {
	session *ntlmssp.SecuritySession
	conn    net.Conn
}

const (
	sealedType   = `multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"`
	sealedFirst  = "--Encrypted Boundary\r\n\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n"
	sealedSecond = "--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n"
	sealedLast   = "--Encrypted Boundary--"
)

// shakeHands authenticates the connection with empty requests, so that no
// message is sent before both sides share a key (MS-NLMP 3.1.5, MS-WSMV
// 2.2.9.1). A host that offers another mechanism only is refused: there is no
// falling back.
func (w *wire) shakeHands(ctx context.Context) error {
	client, err := ntlmssp.NewClient(ntlmssp.SetUserInfo(w.config.User, string(w.config.Password)),
		ntlmssp.SetDomain(w.config.Domain), ntlmssp.SetVersion(ntlmssp.DefaultVersion()))
	if err != nil {
		return &wireError{err: err}
	}
	var challenge []byte
	var asked net.Conn
	for range 2 {
		token, err := client.Authenticate(challenge, nil)
		if err != nil {
			return &wireError{err: fmt.Errorf("NTLM: %w", err)}
		}
		status, head, _, err := w.request(ctx, soapType, nil, base64.StdEncoding.EncodeToString(token))
		if err != nil {
			// Only the empty handshake was written, not the message.
			return &wireError{err: errors.Unwrap(err)}
		}
		if challenge != nil {
			switch {
			case status == http.StatusUnauthorized && w.conn != asked:
				return &wireError{err: errMoved}
			case status == http.StatusUnauthorized:
				return errDenied
			}
			break
		}
		asked = w.conn
		if challenge = challengeOf(head); status != http.StatusUnauthorized || challenge == nil {
			return fmt.Errorf("%w: the host does not offer Negotiate with NTLM; allow it on the host or choose another mechanism", errDenied)
		}
	}
	session := client.SecuritySession()
	if session == nil && !w.config.HTTPS {
		return fmt.Errorf("%w: the host does not agree to sealed messages; use https", errDenied)
	}
	w.ntlm = &ntlm{session, w.conn}
	return nil
}

func challengeOf(head http.Header) []byte {
	for _, value := range head.Values("WWW-Authenticate") {
		scheme, token, _ := strings.Cut(value, " ")
		if !strings.EqualFold(scheme, "Negotiate") || token == "" {
			continue
		}
		if raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(token)); err == nil && bytes.HasPrefix(raw, []byte("NTLMSSP\x00")) {
			return raw
		}
	}
	return nil
}

// seal encrypts and signs a message (MS-WSMV 2.2.9.1.1).
func (n *ntlm) seal(text []byte) (kind string, body []byte, err error) {
	sealed, signature, err := n.session.Wrap(text)
	if err != nil {
		return "", nil, fmt.Errorf("NTLM seal: %w", err)
	}
	if len(signature) != 16 {
		return "", nil, errors.New("NTLM: the host does not agree to signed messages; use https")
	}
	var out bytes.Buffer
	out.WriteString(sealedFirst)
	fmt.Fprintf(&out, "\tOriginalContent: type=%s;Length=%d\r\n", soapType, len(text))
	out.WriteString(sealedSecond)
	_ = binary.Write(&out, binary.LittleEndian, uint32(len(signature))) // a Buffer does not fail
	out.Write(signature)
	out.Write(sealed)
	out.WriteString(sealedLast + "\r\n")
	return sealedType, out.Bytes(), nil
}

// open decrypts an answer and checks its signature. An answer in clear is
// refused: whoever sent it does not hold the key.
func (n *ntlm) open(kind string, body []byte) (string, []byte, error) {
	if !strings.HasPrefix(strings.ToLower(kind), "multipart/encrypted") {
		return "", nil, errors.New("the host answered in clear to a sealed message")
	}
	blob, err := sealedPart(body)
	if err != nil {
		return "", nil, err
	}
	text, err := n.session.Unwrap(blob[20:], blob[4:20])
	if err != nil {
		return "", nil, fmt.Errorf("NTLM unseal: %w", err)
	}
	return soapType, text, nil
}

// sealedPart cuts the second part out. It is not left to mime/multipart: the
// header lines begin with a tab, and the bytes may hold anything.
func sealedPart(body []byte) ([]byte, error) {
	_, blob, found := bytes.Cut(body, []byte("application/octet-stream\r\n"))
	end := bytes.LastIndex(blob, []byte(sealedLast))
	if !found || end < 0 {
		return nil, errors.New("the sealed answer is not two parts")
	}
	blob = blob[:end]
	if len(blob) < 20 || binary.LittleEndian.Uint32(blob) != 16 {
		return nil, errors.New("the sealed answer has no signature")
	}
	return blob, nil
}
