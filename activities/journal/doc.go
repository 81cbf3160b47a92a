// Package journal keeps what was done to hosts, in one bbolt file: an entry
// before each act, one after it, the notices that went out, and the report of
// every run. An entry is on disk when the call that wrote it returns.
//
// Entries form a chain: each holds the SHA-256 of the one before it, so an
// edited, removed or inserted entry is found by Verify. A chain does not show a
// cut-off end, nor a file that was written anew from its beginning: for that,
// compare the head with one that was kept elsewhere.
//
// The journal decides nothing and reads nothing back for a run: the truth is on
// the hosts. It is append-only; there is no call that changes an entry.
package journal
