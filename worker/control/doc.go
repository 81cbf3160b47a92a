// Package control is the typed client of a running engine: start a run, watch
// it, answer it, read its journal. It spells Temporal so that nobody above it
// has to, and holds no decision.
package control
