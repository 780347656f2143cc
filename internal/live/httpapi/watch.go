package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"github.com/danielgtaylor/huma/v2"
)

func (s *Server) streamRoutes() {
	watch := s.operation("watch", http.MethodGet, "/v1/watch", "cell",
		"Follow what changes, as server-sent events. The id of an event is SEQ.N: the N-th change of a sequence")
	watch.Parameters = []*huma.Param{
		query("from", "Changes after this sequence, or after this event; default: from now on.", huma.TypeString),
		query("tenant", "Only changes of this tenant's workloads.", huma.TypeString),
		query("workload", "Only changes of the workload with this name.", huma.TypeString),
		query("node", "Only changes of this node.", huma.TypeString),
		query("atLeast", "Wait until the cell's state reflects this sequence of the journal, then begin.", huma.TypeInteger),
		query("types", "Only changes of these types, separated by commas: workload.finished,task.ended", huma.TypeString),
		{Name: "Last-Event-ID", In: "header", Description: "Like from, and before it.", Schema: &huma.Schema{Type: huma.TypeString}},
	}
	watch.Responses = map[string]*huma.Response{"200": {
		Description: "A stream of events named change, with a WatchEvent each; gap says that changes were missed.",
		Content:     content("text/event-stream", s.schema(api.WatchEvent{})),
	}}
	s.handle(watch, s.watch)
	s.logRoute()
}

// position is a place in the order of changes: after N changes of Seq, or after
// all of it when N is negative.
type position struct {
	seq uint64
	n   int
}

// parsePosition reads "17" (after sequence 17) or "17.2" (after its change 2).
func parsePosition(s string) (position, error) {
	seq, n, part := strings.Cut(s, ".")
	p := position{n: -1}
	var err error
	if p.seq, err = strconv.ParseUint(seq, 10, 64); err == nil && part {
		p.n, err = strconv.Atoi(n)
		if p.n < 0 {
			err = errors.New("negative")
		}
	}
	if err != nil {
		return p, newProblem(http.StatusUnprocessableEntity, fmt.Sprintf("%.40q is not a place in the order of changes: write a sequence", s))
	}
	return p, nil
}

func (p position) String() string { return strconv.FormatUint(p.seq, 10) + "." + strconv.Itoa(p.n) }

// watchFilter picks the changes that a watcher wants; empty fields want all.
type watchFilter struct {
	tenant, workload, node string
	types                  []string
}

func (f *watchFilter) wants(e *api.WatchEvent) bool {
	return (f.tenant == "" || f.tenant == e.Tenant) && (f.workload == "" || f.workload == e.Workload) &&
		(f.node == "" || f.node == e.Node) && (len(f.types) == 0 || slices.Contains(f.types, e.Type))
}

// change is an event with its place.
type change struct {
	api.WatchEvent
	at position
}

// watch streams changes until the client goes.
func (s *Server) watch(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	f := watchFilter{tenant: q.Get("tenant"), workload: q.Get("workload"), node: q.Get("node")}
	if t := q.Get("types"); t != "" {
		f.types = strings.Split(t, ",")
	}
	from, err := s.watchFrom(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.Context())
	changes, end := s.follow(ctx, from, &f)
	defer func() {
		cancel()
		for range changes { // the follower ends before its request does
		}
	}()
	s.sendChanges(r.Context(), s.startSSE(w), from, changes, end)
	return nil
}

// watchFrom is where the client wants to begin, once the sequence is there that
// it asks for as of any read.
func (s *Server) watchFrom(r *http.Request) (position, error) {
	now, at := position{n: -1}, Reading{}
	var err error
	if text := r.URL.Query().Get("atLeast"); text != "" {
		if at.AtLeast, err = strconv.ParseUint(text, 10, 64); err != nil {
			return now, badParam("atLeast", text, "a sequence of the journal")
		}
	}
	from := r.Header.Get("Last-Event-ID")
	if from == "" {
		from = r.URL.Query().Get("from")
	}
	if from != "" {
		if now, err = parsePosition(from); err != nil || at.AtLeast == 0 {
			return now, err
		}
		var seq uint64
		return now, s.view(r.Context(), at, &seq, func(*engine.Engine) {})
	}
	err = s.view(r.Context(), at, &now.seq, func(*engine.Engine) {})
	return now, err
}

// follow reads the cell's changes in a goroutine of its own. changes is closed
// at the end; end then holds why, if not because of ctx.
func (s *Server) follow(ctx context.Context, from position, f *watchFilter) (changes <-chan change, end <-chan error) {
	out, why := make(chan change, 256), make(chan error, 1)
	go func() {
		defer close(out)
		start := from.seq
		if from.n >= 0 && start > 0 {
			start-- // the rest of a sequence: its first changes are skipped below
		}
		var last position
		for e, err := range s.cell.Watch(ctx, start) {
			if err != nil {
				why <- err
				return
			}
			if e.Seq != last.seq {
				last = position{e.Seq, -1}
			}
			last.n++
			if (last.seq == from.seq && last.n <= from.n) || !f.wants(&e) {
				continue
			}
			select {
			case out <- change{e, last}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, why
}

// sendChanges writes changes as they come and a comment when none do.
func (s *Server) sendChanges(ctx context.Context, to *sse, from position, changes <-chan change, end <-chan error) {
	to.comment("watching from " + strconv.FormatUint(from.seq, 10))
	beat := time.NewTicker(s.opt.Heartbeat)
	defer beat.Stop()
	for {
		if len(changes) == 0 && to.flush() != nil {
			return // the client has gone
		}
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			to.comment("alive")
		case c, more := <-changes:
			if !more {
				to.last(end)
				return
			}
			if to.event("change", c.at.String(), c.WatchEvent) != nil {
				return
			}
		}
	}
}

// last tells the client why the stream ends.
func (e *sse) last(end <-chan error) {
	select {
	case err := <-end:
		name := "error"
		if errors.Is(err, ErrWatchGap) {
			name = "gap"
		}
		_ = e.event(name, "", problemOf(err).Problem)
	default:
	}
	_ = e.flush()
}
