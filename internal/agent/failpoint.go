package agent

// The points, in the order in which one task passes them.
const (
	pointAfterAssign   = "agent.after-assign"         // a set was taken in, nothing is written yet
	pointBeforeStart   = "agent.before-start"         // the start is recorded, the driver not asked
	pointAfterStart    = "agent.after-start"          // the driver said that the task runs
	pointBeforeSync    = "agent.before-outbox-sync"   // a report was decided, nothing is written
	pointAfterSync     = "agent.after-outbox-sync"    // a report is durable, nothing is sent
	pointBeforeReport  = "agent.before-report"        // a batch of reports is about to be sent
	pointAfterAck      = "agent.after-report-ack"     // the server has them, the outbox does not know
	pointBeforeDelete  = "agent.before-outbox-delete" // an attempt is forgotten, its directory is still there
	pointBeforeCollect = "agent.before-collect"       // the task has ended, its outputs are not stored
)

// Failpoints lists where an agent can be made to die: see package failpoint.
func Failpoints() []string {
	return []string{
		pointAfterAssign, pointBeforeStart, pointAfterStart, pointBeforeCollect, pointBeforeSync, pointAfterSync,
		pointBeforeReport, pointAfterAck, pointBeforeDelete,
	}
}
