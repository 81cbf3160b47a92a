// Package embedded runs a whole Temporal server and its Web UI inside this
// process, on one SQLite file in the data folder, on loopback only.
//
// It decides nothing about failovers. It must stay the only place that imports
// the server and the UI.
package embedded
