// Package plans says WHAT Lifeboat does and IN WHICH ORDER: the inventory,
// the protection policies and the recovery plans as people write them, the
// state-pair table that decides the next act for one VM, and the shapes of a
// run (input, status, report).
//
// It is pure data and decisions: no Temporal, no I/O, no clock, no random
// numbers. Times come in as arguments.
//
// Words. A Site is a place and has a name. Primary and Replica are roles of a
// VM's copy: they move, sites do not. A ProtectionGroup is a set of VMs that
// share source host, target host, replication frequency and policy. A
// RecoveryPlan is ordered steps: stages of VMs that start together, manual
// steps and notices. RPO is the age of the newest data at the other site, RTO
// the time from the decision to the service being up.
package plans
