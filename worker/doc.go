// Package worker is wiring: it reads the configuration, opens the data folder,
// builds host connections, registers workflows and activities with Temporal,
// and serves the journal. It is the only place where the parts meet, and it
// decides nothing.
package worker
