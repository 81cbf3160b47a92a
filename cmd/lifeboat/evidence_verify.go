package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/worker/evidence"
)

// verified is what was found out about one file.
type verified struct {
	File string `json:"file"`
	Good bool   `json:"good"`
	evidence.Seal
	// Trusted is where the key comes from that it was checked by, "" without one.
	Trusted string `json:"trusted,omitempty"`
	// Why says what is wrong, Journal what the journal at hand says.
	Why     string `json:"why,omitempty"`
	Journal string `json:"journal,omitempty"`
}

// maxReport bounds a file that is read to be checked.
const maxReport = 256 << 20

func verifyReports(t terminal, c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	if !c.Args().Present() {
		return usage("name the files: lifeboat report verify FILE...")
	}
	trusted, ours, err := trustedKey(c)
	if err != nil {
		return err
	}
	all, code := []verified{}, exitOK
	for _, name := range c.Args().Slice() {
		v, read := verifyFile(c, name, trusted, ours)
		switch {
		case !read:
			code = exitNoAccess
		case !v.Good && code == exitOK:
			code = exitFinding
		}
		all = append(all, v)
	}
	if asJSON {
		if err := t.json(all); err != nil {
			return err
		}
	} else {
		showVerified(t, all)
	}
	return quietly(code)
}

// trustedKey is the key that a person named, or that of the data folder; nil when
// there is neither. ours is true for the latter: its journal can be asked too.
func trustedKey(c *cli.Context) (trusted *evidence.PublicKey, ours bool, err error) {
	own, ownErr := evidence.FolderPublicKey(c.String("data"))
	if text := c.String("key"); text != "" {
		if file, err := os.ReadFile(text); err == nil {
			text = string(file)
		}
		key, err := evidence.ParseKey(text)
		if err != nil {
			return nil, false, usage("--key: %v", err)
		}
		return &key, ownErr == nil && own.Same(key), nil
	}
	switch {
	case errors.Is(ownErr, fs.ErrNotExist):
		return nil, false, nil
	case ownErr != nil:
		return nil, false, &failure{exitNoAccess, ownErr}
	}
	return &own, true, nil
}

// verifyFile checks one file; read is false where it cannot be read, which says
// nothing of the others.
func verifyFile(c *cli.Context, name string, trusted *evidence.PublicKey, ours bool) (v verified, read bool) {
	v.File = name
	seal, err := openReport(name)
	v.Seal = seal
	if err != nil {
		v.Why = err.Error()
		var path *fs.PathError
		return v, !errors.As(err, &path)
	}
	signer, err := evidence.ParseKey(seal.Key)
	switch {
	case err != nil:
		v.Why = err.Error()
	case trusted == nil:
		v.Why = "it is as the key inside it signed it, but whose key is that? Anybody can make one. Ask the engine's owner for lifeboat report key, and name it with --key"
	case !signer.Same(*trusted):
		v.Why = "it was signed with another key than the one you trust: " + trusted.String()
	default:
		v.Good, v.Trusted = true, "the key named with --key"
		if c.String("key") == "" {
			v.Trusted = "the key of the data folder " + c.String("data")
		}
	}
	if v.Good && ours {
		v.Journal, v.Good = askJournal(c, seal)
	}
	return v, true
}

func openReport(name string) (evidence.Seal, error) {
	file, err := readBounded(name)
	if err != nil {
		return evidence.Seal{}, err
	}
	if !strings.EqualFold(filepath.Ext(name), ".csv") {
		return evidence.Open(file)
	}
	beside, err := readBounded(strings.TrimSuffix(name, filepath.Ext(name)) + ".json")
	if errors.Is(err, fs.ErrNotExist) {
		return evidence.Seal{}, errors.New("a CSV file is checked by the JSON file that was exported with it: put that beside it")
	}
	if err != nil {
		return evidence.Seal{}, err
	}
	return evidence.OpenTable(file, beside)
}

func readBounded(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxReport {
		return nil, fmt.Errorf("%s is larger than any report", name)
	}
	return os.ReadFile(name)
}

// askJournal compares the entry on which a report rests with the journal at hand,
// and says what was added since. Only a journal that this account may not read now
// leaves the question open.
func askJournal(c *cli.Context, s evidence.Seal) (words string, good bool) {
	hash, err := worker.JournalHash(c.Context, c.String("data"), s.Anchor.Entry)
	var rec plans.Record
	if err == nil && hash == s.Anchor.Hash {
		rec, err = worker.ReadRecord(c.Context, c.String("data"), s.Report)
	}
	var broken *worker.BrokenChainError
	switch {
	case errors.As(err, &broken):
		return "the journal was edited: " + err.Error(), false
	case errors.Is(err, worker.ErrJournalHeld), errors.Is(err, fs.ErrPermission):
		return "not compared: " + err.Error(), true
	case err != nil:
		return "the journal on which it rests cannot be read: " + err.Error(), false
	case hash == "":
		return fmt.Sprintf("the journal has no entry %d any more: its end was cut off, or an older copy was put in its place", s.Anchor.Entry), false
	case hash != s.Anchor.Hash:
		return fmt.Sprintf("the journal has another entry %d than the report rests on: it was made anew", s.Anchor.Entry), false
	}
	words = fmt.Sprintf("its entry %d is the one that the report rests on", s.Anchor.Entry)
	if rec.Anchor.Entry > s.Anchor.Entry {
		words += fmt.Sprintf(", and more about this run was written since, up to entry %d: the file does not show it, lifeboat report export makes one that does", rec.Anchor.Entry)
	}
	return words + "; lifeboat journal verify walks the whole chain", true
}

func showVerified(t terminal, all []verified) {
	good := 0
	for _, v := range all {
		word := "NOT GOOD"
		if v.Good {
			word = "GOOD"
			good++
		}
		t.wrapped("", 0, fmt.Sprintf("%s  %s", word, plain(v.File)))
		if v.Report != "" {
			t.wrapped("  ", 2, fmt.Sprintf("report %s, run %s", plain(v.Report), plain(v.Run)))
			t.wrapped("  ", 2, "says it is signed with "+plain(v.Key))
		}
		if v.Trusted != "" {
			t.wrapped("  ", 2, "checked by "+plain(v.Trusted))
		}
		if v.Why != "" {
			t.wrapped("  ", 2, plain(v.Why)+".")
		}
		if v.Journal != "" {
			t.wrapped("  ", 2, "Journal: "+plain(v.Journal)+".")
		}
	}
	if good > 0 && good < len(all) {
		t.say("%d of %d files are NOT GOOD.", len(all)-good, len(all))
	}
	if good > 0 {
		t.wrapped("", 0, "GOOD means: the file is as that key signed it, byte for byte. It does not say that what people wrote is true, nor who held the key. The chain of hashes shows an edit of the journal up to the report, not an end that was cut off later.")
	}
}
