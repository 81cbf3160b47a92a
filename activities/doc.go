// Package activities does ONE EFFECT EACH, for workflows: observe both sides of
// a VM, let the table decide, act once, and say what was seen. Every activity
// may be run again from its beginning at any moment: it looks first, and what
// it does on a host is compared and acted there (docs/pump.md).
//
// It knows no workflow code and no wire.
package activities
