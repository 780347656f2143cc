package live

// The points, in the order in which one batch passes them.
const (
	pointBeforeAppend   = "server.before-append"   // decided, not sent to the journal
	pointAfterAppend    = "server.after-append"    // in the journal, nobody was told
	pointBeforeDispatch = "server.before-dispatch" // answered, the nodes were not told
	pointAfterDispatch  = "server.after-dispatch"  // the nodes were told
	pointBeforeSnapshot = "server.before-snapshot" // a snapshot is due, nothing is written
	pointBeforeTruncate = "server.before-truncate" // snapshot and archive are written, the journal is whole
	pointAfterTruncate  = "server.after-truncate"  // the journal was truncated
)

// Failpoints lists where a server can be made to die: see package failpoint.
func Failpoints() []string {
	return []string{
		pointBeforeAppend, pointAfterAppend, pointBeforeDispatch, pointAfterDispatch,
		pointBeforeSnapshot, pointBeforeTruncate, pointAfterTruncate,
	}
}
