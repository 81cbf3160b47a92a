package wsman

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/rc4"
	"encoding/binary"
	"errors"
	"strings"
	"time"
	"unicode/utf16"

	"golang.org/x/crypto/md4"
)

// Negotiate flags. [MS-NLMP] 2.2.2.5.
const (
	flagUnicode     = 0x00000001
	flagTarget      = 0x00000004
	flagSign        = 0x00000010
	flagSeal        = 0x00000020
	flagNTLM        = 0x00000200
	flagAlwaysSign  = 0x00008000
	flagServer      = 0x00020000
	flagExtended    = 0x00080000
	flagTargetInfo  = 0x00800000
	flagVersion     = 0x02000000
	flag128         = 0x20000000
	flagKeyExchange = 0x40000000
	flag56          = 0x80000000

	flagsEchoed = flagSign | flagSeal | flagAlwaysSign | flag128 | flagKeyExchange | flag56
)

var (
	ntlmSignature = []byte("NTLMSSP\x00")
	errNTLM       = errors.New("malformed NTLM message")
	errLogon      = errors.New("logon failure")
)

// ntlmHandshake is one exchange of three messages. [MS-NLMP] 1.3.1.
type ntlmHandshake struct {
	negotiate, challenge []byte
	nonce                [8]byte
	flags                uint32
	spnego               bool
}

// ntlmType tells which message b is, 0 when none.
func ntlmType(b []byte) uint32 {
	if len(b) < 12 || !bytes.HasPrefix(b, ntlmSignature) {
		return 0
	}
	return binary.LittleEndian.Uint32(b[8:])
}

// startNTLM answers a NEGOTIATE_MESSAGE with a challenge.
func startNTLM(negotiate []byte, host, fqdn string, now time.Time) (*ntlmHandshake, error) {
	if ntlmType(negotiate) != 1 || len(negotiate) < 16 {
		return nil, errNTLM
	}
	h := &ntlmHandshake{negotiate: bytes.Clone(negotiate)}
	rand.Read(h.nonce[:])
	asked := binary.LittleEndian.Uint32(negotiate[12:])
	h.flags = asked&flagsEchoed | flagUnicode | flagTarget | flagNTLM | flagServer | flagExtended | flagTargetInfo | flagVersion

	domain := host
	if _, d, ok := strings.Cut(fqdn, "."); ok {
		domain = d
	}
	var info []byte
	pair := func(id int, v []byte) {
		info = binary.LittleEndian.AppendUint16(info, uint16(id))
		info = binary.LittleEndian.AppendUint16(info, uint16(len(v)))
		info = append(info, v...)
	}
	short, _, _ := strings.Cut(domain, ".")
	pair(2, utf16le(strings.ToUpper(short)))
	pair(1, utf16le(strings.ToUpper(host)))
	pair(4, utf16le(domain))
	pair(3, utf16le(fqdn))
	pair(7, binary.LittleEndian.AppendUint64(nil, fileTime(now)))
	pair(0, nil)

	target := utf16le(strings.ToUpper(short))
	m := append([]byte{}, ntlmSignature...)
	m = binary.LittleEndian.AppendUint32(m, 2)
	m = appendField(m, len(target), 56)
	m = binary.LittleEndian.AppendUint32(m, h.flags)
	m = append(m, h.nonce[:]...)
	m = append(m, make([]byte, 8)...)
	m = appendField(m, len(info), 56+len(target))
	m = append(m, 10, 0, 0x7c, 0x4f, 0, 0, 0, 15) // 10.0.20348
	h.challenge = append(append(m, target...), info...)
	return h, nil
}

// finish verifies an AUTHENTICATE_MESSAGE ([MS-NLMP] 3.2.5.1.2) and answers the
// user's name and what seals his messages.
func (h *ntlmHandshake) finish(auth []byte, password func(domain, user string) (string, bool)) (string, *sealer, error) {
	if ntlmType(auth) != 3 || len(auth) < 64 {
		return "", nil, errNTLM
	}
	response, ok1 := field(auth, 20)
	domainRaw, ok2 := field(auth, 28)
	userRaw, ok3 := field(auth, 36)
	encrypted, ok4 := field(auth, 52)
	if !ok1 || !ok2 || !ok3 || !ok4 || len(response) < 16+28 {
		return "", nil, errNTLM
	}
	domain, user := fromUTF16(domainRaw), fromUTF16(userRaw)
	secret, known := password(domain, user)
	if !known || user == "" {
		return "", nil, errLogon
	}
	hash := md4.New()
	hash.Write(utf16le(secret))
	owner := keyed(hash.Sum(nil), utf16le(strings.ToUpper(user)+domain))
	proof, blob := response[:16], response[16:]
	if !hmac.Equal(proof, keyed(owner, h.nonce[:], blob)) {
		return "", nil, errLogon
	}
	key := keyed(owner, proof)
	flags := binary.LittleEndian.Uint32(auth[60:]) & (h.flags | flagExtended)
	if flags&flagKeyExchange != 0 && flags&(flagSign|flagSeal) != 0 {
		if len(encrypted) != 16 {
			return "", nil, errNTLM
		}
		c, err := rc4.NewCipher(key)
		if err != nil {
			return "", nil, err
		}
		exported := make([]byte, 16)
		c.XORKeyStream(exported, encrypted)
		key = exported
	}
	if hasMIC(blob[28:]) {
		if len(auth) < 88 {
			return "", nil, errNTLM
		}
		plain := bytes.Clone(auth)
		clear(plain[72:88])
		if !hmac.Equal(auth[72:88], keyed(key, h.negotiate, h.challenge, plain)) {
			return "", nil, errLogon
		}
	}
	seal, err := newSealer(key, flags)
	return user, seal, err
}

// hasMIC reads MsvAvFlags of the AV pairs. [MS-NLMP] 2.2.2.1.
func hasMIC(pairs []byte) bool {
	for len(pairs) >= 4 {
		id, n := binary.LittleEndian.Uint16(pairs), int(binary.LittleEndian.Uint16(pairs[2:]))
		if id == 0 || len(pairs) < 4+n {
			return false
		}
		if id == 6 && n == 4 {
			return binary.LittleEndian.Uint32(pairs[4:])&2 != 0
		}
		pairs = pairs[4+n:]
	}
	return false
}

// sealer keeps the two directions of a session. [MS-NLMP] 3.4.
type sealer struct{ in, out direction }

type direction struct {
	sign     []byte
	cipher   *rc4.Cipher
	seq      uint32
	exchange bool
}

func newSealer(key []byte, flags uint32) (*sealer, error) {
	in, err := newDirection(key, flags, "client-to-server")
	if err != nil {
		return nil, err
	}
	out, err := newDirection(key, flags, "server-to-client")
	return &sealer{in, out}, err
}

func newDirection(key []byte, flags uint32, name string) (direction, error) {
	derive := func(k []byte, use string) []byte {
		sum := md5.Sum(append(bytes.Clone(k), "session key to "+name+" "+use+" key magic constant\x00"...))
		return sum[:]
	}
	short := key[:5]
	if flags&flag128 != 0 {
		short = key
	} else if flags&flag56 != 0 {
		short = key[:7]
	}
	c, err := rc4.NewCipher(derive(short, "sealing"))
	return direction{sign: derive(key, "signing"), cipher: c, exchange: flags&flagKeyExchange != 0}, err
}

func (d *direction) signature(plain []byte) []byte {
	seq := binary.LittleEndian.AppendUint32(nil, d.seq)
	d.seq++
	sum := keyed(d.sign, seq, plain)[:8]
	if d.exchange {
		d.cipher.XORKeyStream(sum, sum)
	}
	return append(append([]byte{1, 0, 0, 0}, sum...), seq...)
}

// wrap answers signature and ciphertext.
func (s *sealer) wrap(plain []byte) (signature, sealed []byte) {
	sealed = make([]byte, len(plain))
	s.out.cipher.XORKeyStream(sealed, plain)
	return s.out.signature(plain), sealed
}

// unwrap decrypts and checks the signature.
func (s *sealer) unwrap(signature, sealed []byte) ([]byte, error) {
	plain := make([]byte, len(sealed))
	s.in.cipher.XORKeyStream(plain, sealed)
	if !hmac.Equal(signature, s.in.signature(plain)) {
		return nil, errors.New("message signature does not match")
	}
	return plain, nil
}

func keyed(key []byte, parts ...[]byte) []byte {
	m := hmac.New(md5.New, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

func appendField(m []byte, n, offset int) []byte {
	m = binary.LittleEndian.AppendUint16(m, uint16(n))
	m = binary.LittleEndian.AppendUint16(m, uint16(n))
	return binary.LittleEndian.AppendUint32(m, uint32(offset))
}

func field(m []byte, at int) ([]byte, bool) {
	n, off := uint64(binary.LittleEndian.Uint16(m[at:])), uint64(binary.LittleEndian.Uint32(m[at+4:]))
	if n == 0 {
		return nil, true
	}
	if off+n > uint64(len(m)) {
		return nil, false
	}
	return m[off : off+n], true
}

func utf16le(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func fromUTF16(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}

// fileTime counts 100 ns since 1601.
func fileTime(t time.Time) uint64 { return uint64(t.UnixNano()/100) + 116444736000000000 }
