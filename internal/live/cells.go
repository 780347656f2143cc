package live

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"drover.dev/api"
	"drover.dev/internal/bus"
	"drover.dev/internal/control"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/state"
)

// Children are served like nodes: in the same queues, with the same memory of
// when they were heard of. cellLane marks their names there; no node's has it.
const cellLane = "cell/"

// maxHandovers bounds one page of a child's set.
const maxHandovers = 2048

// listenToCells serves the children until the subscriptions are ended.
func (c *Cell) listenToCells(ctx context.Context) ([]*nats.Subscription, error) {
	if c.cfg.Leaf == "" {
		return nil, nil
	}
	var subs []*nats.Subscription
	for _, h := range []struct {
		verb  string
		most  int
		serve func(context.Context, string, *nats.Msg) error
	}{
		{"hello", maxHelloBody, c.cellHello},
		{"pull", maxSmallBody, c.cellPull},
		{"spec", maxSmallBody, c.cellSpec},
		{"report", maxReportsBody, c.cellReport},
		{"beat", maxSmallBody, c.cellBeat},
	} {
		sub, err := c.agents.Subscribe(bus.CellSubject("*", h.verb), func(m *nats.Msg) {
			name, ok := bus.CellSender(m)
			switch {
			case ok && c.mute():
				c.alive.heard(cellLane + name)
			case !ok:
				if c.post.admit(cellLane+name, len(m.Data)) { // else it fills the log
					c.log.Warn("a message asks to be answered elsewhere", "subject", m.Subject)
				}
			case len(m.Data) <= h.most:
				c.post.put(cellLane+name, letter{m, func(ctx context.Context, lane string, m *nats.Msg) error {
					return h.serve(ctx, strings.TrimPrefix(lane, cellLane), m)
				}})
			case c.post.admit(cellLane+name, len(m.Data)):
				c.refuse(m, fmt.Errorf("%s: %d bytes, at most %d may be", h.verb, len(m.Data), h.most))
			}
		})
		if err != nil {
			return subs, fmt.Errorf("listen to cells: %w", err)
		}
		subs = append(subs, sub)
		if err := sub.SetPendingLimits(pendingMsgs, pendingBytes); err != nil {
			return subs, fmt.Errorf("listen to cells: %w", err)
		}
	}
	return subs, nil
}

// cellHello registers a child. It is answered when that stands in the journal.
func (c *Cell) cellHello(_ context.Context, name string, m *nats.Msg) error {
	var h api.CellHello
	if err := c.codec.dec.Unmarshal(m.Data, &h); err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	if h.Cell.Name != name {
		return fmt.Errorf("hello: the cell is %.63q, its credentials are those of %q", h.Cell.Name, name)
	}
	if faults := h.Cell.Validate(); len(faults) > 0 {
		return fmt.Errorf("hello: %s: %s", faults[0].Path, faults[0].Message)
	}
	inputs, encoded, err := c.canonical([]engine.Input{&engine.CellHello{Cell: h.Cell}})
	if err != nil {
		return err
	}
	_, err = c.queue.offer(cellLane+name, inputs, encoded, c.answerWith(m, func(uint64) (any, error) {
		c.alive.heard(cellLane + name) // known already, unless this is its first hello
		return api.CellWelcome{Epoch: c.epoch(), Cell: c.cfg.Cell, Heartbeat: api.Duration(c.cfg.Heartbeat)}, nil
	}))
	return err
}

func (c *Cell) cellBeat(ctx context.Context, name string, m *nats.Msg) error {
	if err := c.hear(ctx, cellLane+name); err != nil {
		return err
	}
	return c.send(m, nil)
}

// cellPull answers with a page of the child's set as it stands in the journal.
func (c *Cell) cellPull(ctx context.Context, name string, m *nats.Msg) error {
	var p api.HandoverPull
	if err := c.codec.dec.Unmarshal(m.Data, &p); err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	if err := c.hear(ctx, cellLane+name); err != nil {
		return err
	}
	if !c.leading.Load() {
		return httpapi.ErrNotLeader
	}
	// What was acknowledged to the child is in its set: it does not ask again for long.
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Heartbeat)
	defer cancel()
	var set api.HandoverSet
	if _, err := c.View(ctx, c.last.Load(), func(e *engine.Engine) {
		set = control.HandoverSet(e.State(), c.cfg.Cell, name, p.After, maxHandovers)
	}); err != nil {
		return err
	}
	return c.respond(m, set)
}

// cellSpec answers with the specification of one hand-over.
func (c *Cell) cellSpec(ctx context.Context, name string, m *nats.Msg) error {
	var id api.HandoverID
	if err := c.codec.dec.Unmarshal(m.Data, &id); err != nil {
		return fmt.Errorf("spec: %w", err)
	}
	if err := c.hear(ctx, cellLane+name); err != nil {
		return err
	}
	var body []byte
	var err error
	if _, failed := c.View(ctx, 0, func(e *engine.Engine) {
		spec := control.HandoverSpec(e.State(), e.State().Now, name, id)
		body, err = c.codec.enc.Marshal(spec)
	}); failed != nil {
		return failed
	}
	if err != nil {
		return fmt.Errorf("encode the specification of %s: %w", id, err)
	}
	return c.send(m, body)
}

// cellReport brings a child's reports into the journal.
func (c *Cell) cellReport(ctx context.Context, name string, m *nats.Msg) error {
	if err := c.hear(ctx, cellLane+name); err != nil {
		return err
	}
	var r api.HandoverReports
	if err := c.codec.reports.Unmarshal(m.Data, &r); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if len(r.Reports) == 0 || len(r.Reports) > maxReports {
		return fmt.Errorf("report: %d reports, 1 to %d may be in one message", len(r.Reports), maxReports)
	}
	in := &engine.Handovers{Cell: name, Reports: r.Reports}
	in.Clean()
	b, err := journal.EncodeInput(in)
	if err != nil {
		return err
	}
	ack := func(seq uint64) (any, error) { return api.ReportsAck{Epoch: c.epoch(), Seq: seq}, nil }
	_, err = c.queue.offer(cellLane+name, []engine.Input{in}, [][]byte{b}, c.answerWith(m, ack))
	return err
}

// cells notes which children have something new in their sets.
func (b *batch) cells(st *state.State, ev state.Event) {
	switch e := ev.(type) {
	case *state.CellRegistered:
		b.shadow.tracked(cellLane+e.Cell.Name, true)
	case *state.CellRemoved:
		b.shadow.tracked(cellLane+e.Cell, false)
	case *state.HandoverOffered:
		b.hintCell(st.Workloads[e.ID])
	case *state.WorkloadStopping:
		b.hintCell(st.Workloads[e.ID])
	case *state.WorkloadRevised:
		b.hintCell(st.Workloads[e.ID])
	case *state.WorkloadRescaled:
		b.hintCell(st.Workloads[e.ID])
	}
}

func (b *batch) hintCell(w *state.Workload) {
	if w == nil || !w.Away() {
		return
	}
	if lane := cellLane + w.Handover.Cell; !b.hinted[lane] {
		b.hinted[lane] = true
		b.hint = append(b.hint, lane)
	}
}

// hintCells tells children that their sets have changed; it returns the others.
func (c *Cell) hintCells(names []string) (nodes []string) {
	for _, name := range names {
		cell, ok := strings.CutPrefix(name, cellLane)
		if !ok {
			nodes = append(nodes, name)
			continue
		}
		c.publish(&nats.Msg{Subject: bus.CellSubject(cell, "hint")})
	}
	return nodes
}

// heardOf makes the input for one that fell silent or is back.
func heardOf(ch control.Change) engine.Input {
	cell, isCell := strings.CutPrefix(ch.Node, cellLane)
	switch {
	case isCell && ch.Silent:
		return &engine.CellSilent{Cell: cell}
	case isCell:
		return &engine.CellBack{Cell: cell}
	case ch.Silent:
		return &engine.Silent{Node: ch.Node}
	}
	return &engine.Back{Node: ch.Node}
}

// trackCells gives every child a full grace period.
func (a *alive) trackCells(st *state.State) {
	for _, name := range st.SortedCells() {
		a.rules.Track(cellLane+name, st.Cells[name].Silent, a.now())
	}
}

// The credentials of children; see credentials.
const (
	forLeaf          = "leaf"
	forCellArtifacts = "cell artifacts"
	cellToken        = "cell." // then the name, a dot and the secret
)

// cellOf is the child whose token this is; "" when it is none's.
func (c *credentials) cellOf(token string) string {
	rest, ok := strings.CutPrefix(token, cellToken)
	name, secret, _ := strings.Cut(rest, ".")
	if !ok || !bus.ValidNode(name) || !same(secret, c.of(forCellArtifacts, name)) {
		return ""
	}
	return name
}

// joinCell gives a child its credentials. A name that is registered is given only
// to whoever shows the child's own token.
func (c *Cell) joinCell(ctx context.Context, req api.JoinRequest) (api.JoinReply, error) {
	registered := false
	if _, err := c.View(ctx, 0, func(e *engine.Engine) { registered = e.State().Cells[req.Node] != nil }); err != nil {
		return api.JoinReply{}, err
	}
	if registered && c.creds.cellOf(req.Token) != req.Node {
		return api.JoinReply{}, fmt.Errorf("join: %w: %s: remove the cell first, or start it with its own data directory, where its token is", httpapi.ErrNameTaken, req.Node)
	}
	address := cmp.Or(c.cfg.AdvertiseLeaf, c.leafURL())
	if address == "" {
		return api.JoinReply{}, fmt.Errorf("join: %w: this server takes no cells: start it with --leaf", httpapi.ErrNoChild)
	}
	if req.Node == c.cfg.Cell {
		return api.JoinReply{}, fmt.Errorf("join: %w: it is called %s itself: give the child another name", httpapi.ErrNoChild, req.Node)
	}
	return api.JoinReply{
		NATS: address, User: req.Node, Password: c.creds.of(forLeaf, req.Node),
		Token: cellToken + req.Node + "." + c.creds.of(forCellArtifacts, req.Node), Cell: c.cfg.Cell,
	}, nil
}

// leafURL is where children link to this server; "" when it takes none.
func (c *Cell) leafURL() string {
	switch {
	case c.cfg.Leaf == "":
		return ""
	case c.door != nil:
		return c.door.URL()
	}
	return c.bus.LeafURL()
}

// openDoor lets children in where the bus is an outside one.
func (c *Cell) openDoor(ctx context.Context) error {
	if c.bus != nil || c.cfg.Leaf == "" {
		return nil
	}
	at, err := c.cfg.leafListen()
	if err == nil {
		c.door, err = bus.OpenDoor(ctx, at, c.creds.bus, c.agents, c.log)
	}
	return err
}

// leafListen is where children link.
func (c *Config) leafListen() (out bus.LeafListen, err error) {
	if c.Leaf == "" {
		return out, nil
	}
	host, port, err := net.SplitHostPort(c.Leaf)
	if err != nil {
		return out, fmt.Errorf("the address for cells: %w", err)
	}
	out.Host = host
	if out.Port, err = strconv.Atoi(port); err != nil {
		return out, fmt.Errorf("the port for cells: %w", err)
	}
	if out.Port == 0 {
		out.Port = -1
	}
	out.TLS, err = c.tls()
	return out, err
}
