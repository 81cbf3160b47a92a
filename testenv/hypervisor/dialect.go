package hypervisor

// Dialect chooses between readings of facts that Microsoft's documentation
// leaves open. A client must come to a safe end under each.
type Dialect struct {
	Name string
	// SyncedPoint: preparing leaves a recovery point of type SyncedReplica on
	// the replica.
	SyncedPoint bool
	// LateOldPrimary: after a reverse, the old primary shows itself as the
	// replica only some seconds later.
	LateOldPrimary bool
}

// Dialects are all readings that tests go through; the first is the default.
func Dialects() []Dialect {
	return []Dialect{
		{Name: "plain"},
		{Name: "synced-point", SyncedPoint: true},
		{Name: "late-old-primary", LateOldPrimary: true},
		{Name: "all", SyncedPoint: true, LateOldPrimary: true},
	}
}
