package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"drover.dev/api"
	"drover.dev/internal/artifact"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// Cell is what the API talks to: the live shell around one engine. Its methods
// are safe for concurrent use and give up when their context ends.
type Cell interface {
	// Do brings commands into the journal and returns their answers, one for
	// each input, with the sequence of the record that holds the last of them.
	// The error is a *BusyError, ErrNotLeader, ErrStorage or the context's.
	Do(ctx context.Context, inputs []engine.Input) (answers []state.Answer, seq uint64, err error)
	// View calls f with an engine at one sequence that is atLeast or later; f
	// only reads, and keeps nothing that the engine may still change.
	View(ctx context.Context, atLeast uint64, f func(*engine.Engine)) (seq uint64, err error)
	// Past calls f with an engine as the cell stood at a moment; f only reads. The
	// error is ErrNoPast, a *BusyError, or says what of the history is damaged.
	Past(ctx context.Context, m Moment, f func(*engine.Engine)) (Stood, error)
	// Watch yields what changed after sequence from, in order, and then what
	// changes, until ctx ends. The changes of one sequence are always the same
	// ones in the same order. When those after from are no longer kept, or the
	// caller falls too far behind, it ends with ErrWatchGap. The type of an
	// event is its kind in the form "workload.finished".
	Watch(ctx context.Context, from uint64) iter.Seq2[api.WatchEvent, error]
	// Log asks a node for a part of a log.
	Log(ctx context.Context, node string, req api.LogRequest) (api.LogChunk, error)
	// Bundle makes a file with the cell's recent history, to be read elsewhere; it
	// goes when it is closed.
	Bundle(ctx context.Context, o BundleOptions) (io.ReadSeekCloser, error)
	// Journal yields the records after a place of the chain, in order, and then those
	// that come, until ctx ends; one without data whenever there is none for the time
	// being, and every so often while that lasts. The error is ErrOtherPast or
	// ErrNoPast when the journal does not go on from that place, or says why it cannot
	// be read.
	Journal(ctx context.Context, after JournalPlace, beat time.Duration) iter.Seq2[Written, error]
	// Artifacts is the cell's store.
	Artifacts() artifact.Store
	// Inspect gives the facts of a stored program; its errors say what is wrong
	// with a module.
	Inspect(ctx context.Context, d api.Digest) (engine.Fact, error)
	// Join makes credentials for a node; ErrNameTaken refuses a name that is
	// registered to whoever does not hold the node's token.
	Join(ctx context.Context, req api.JoinRequest) (api.JoinReply, error)
	// Authorize says who a bearer token stands for, in time that does not
	// depend on the token.
	Authorize(token string) (Principal, bool)
	// Outlook is what this server keeps of numbers over time; nil: nothing.
	Outlook() Outlook
	// Status is the cell as it is now.
	Status() api.CellStatus
	// LastSeen is when the leader last heard of a node; 0 is never.
	LastSeen(node string) api.Time
	// Metrics are the counters of the cell.
	Metrics() []Metric
}

// Principal is who a token stands for, and what the token opens.
type Principal struct {
	Name  string
	Admin bool   // everything
	Join  bool   // joining nodes
	Node  string // this node's artifacts; "" when it is no node
	Cell  string // this child cell's artifacts; "" when it is none
}

// Metric is one sample of a Prometheus metric. Samples of one name stand
// together; Labels is empty or a list of NAME="VALUE" separated by commas.
type Metric struct {
	Name    string
	Help    string
	Counter bool // else a gauge
	Labels  string
	Value   float64
}

// BusyError says that the queue is full; it answers 429.
type BusyError struct{ RetryAfter time.Duration }

func (e *BusyError) Error() string {
	return fmt.Sprintf("the queue is full: try again in %s", e.RetryAfter.Round(time.Millisecond))
}

var (
	// ErrNameTaken says that a node, or a child cell, is registered by that name.
	ErrNameTaken = errors.New("the name is taken")
	// ErrNoChild says that this server cannot be a parent, or not of that cell.
	ErrNoChild = errors.New("the cell cannot be a child of this one")
	// ErrNotLeader says that this server does not lead its cell now.
	ErrNotLeader = errors.New("this server does not lead its cell now")
	// ErrStorage says that the journal cannot be written, for example because
	// the disk is full. It is wrapped with the reason.
	ErrStorage = errors.New("the journal cannot be written")
	// ErrWatchGap says that changes were missed: read again and watch from there.
	ErrWatchGap = errors.New("changes were missed: read again and watch from there")
)
