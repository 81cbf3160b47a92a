package evidence

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Names in the data folder: the key that signs, and the half that may be given
// away.
const (
	keyFile    = "report-key.pem"
	publicFile = "report-key.pub"
)

// keyMark stands before a public key in words.
const keyMark = "ed25519:"

// PublicKey is what a reader needs to check a report.
type PublicKey struct{ key ed25519.PublicKey }

// String is the key in one word.
func (p PublicKey) String() string { return keyMark + base64.StdEncoding.EncodeToString(p.key) }

// Same is true for the same key.
func (p PublicKey) Same(other PublicKey) bool { return p.key.Equal(other.key) }

// ParseKey reads a public key as String writes it.
func ParseKey(text string) (PublicKey, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(text), keyMark))
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return PublicKey{}, fmt.Errorf("%.60q is no public key: lifeboat report key prints one, like %sAbC...=", strings.TrimSpace(text), keyMark)
	}
	return PublicKey{raw}, nil
}

// Key signs reports.
type Key struct{ key ed25519.PrivateKey }

// Public is the half that may be given away.
func (k Key) Public() PublicKey { return PublicKey{k.key.Public().(ed25519.PublicKey)} }

// FolderKey is the key of a data folder; the first call makes it.
func FolderKey(dir string) (Key, error) {
	k, err := readKey(filepath.Join(dir, keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		k, err = newKey(dir)
	}
	if err != nil {
		return Key{}, err
	}
	if err := k.publish(filepath.Join(dir, publicFile)); err != nil {
		return Key{}, fmt.Errorf("the public key for reports: %w", err)
	}
	return k, nil
}

func newKey(dir string) (Key, error) {
	if _, err := os.Stat(dir); err != nil {
		return Key{}, fmt.Errorf("no key can be kept: %w (name the engine's folder with --data or LIFEBOAT_DATA)", err)
	}
	_, fresh, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, err
	}
	body, err := x509.MarshalPKCS8PrivateKey(fresh)
	if err != nil {
		return Key{}, err
	}
	// Of two that make one at the same time, the first one's stays.
	name := filepath.Join(dir, keyFile)
	err = writeNew(name, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: body}), 0o600)
	if errors.Is(err, fs.ErrExist) {
		return readKey(name)
	}
	if err != nil {
		return Key{}, fmt.Errorf("the key for reports: %w", err)
	}
	return Key{fresh}, nil
}

// publish keeps the half that may be given away beside the key: also where one
// was killed between the two, and where a new key follows an old one.
func (k Key) publish(name string) error {
	text := []byte(k.Public().String() + "\n")
	if have, err := os.ReadFile(name); err == nil && bytes.Equal(have, text) {
		return nil
	}
	return writeWhole(name, text)
}

// FolderPublicKey is the public key of a data folder; an error that is
// fs.ErrNotExist says that it has none yet.
func FolderPublicKey(dir string) (PublicKey, error) {
	text, err := os.ReadFile(filepath.Join(dir, publicFile))
	if err != nil {
		return PublicKey{}, err
	}
	return ParseKey(string(text))
}

// writeNew writes a file that is not there yet.
func writeNew(name string, body []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(name)
	}
	return err
}

func readKey(name string) (Key, error) {
	info, err := os.Stat(name)
	if err != nil {
		return Key{}, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return Key{}, fmt.Errorf("others can read %s (mode %o), and whoever has it signs as this engine: chmod 600 it, or move it away for a new key", name, info.Mode().Perm())
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return Key{}, err
	}
	damaged := fmt.Errorf("%s holds no key: restore a copy, or move it away for a new one, which signs other reports than the old", name)
	block, _ := pem.Decode(text)
	if block == nil {
		return Key{}, damaged
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return Key{}, damaged
	}
	return Key{key}, nil
}
