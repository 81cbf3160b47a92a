// Package metrics serves what the engine knows of readiness, and what the
// Temporal SDK counts, to Prometheus on loopback. Names are stable; hosts are
// never read for a scrape.
package metrics
