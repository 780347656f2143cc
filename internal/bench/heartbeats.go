package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go"

	"drover.dev/api"
	"drover.dev/internal/bus"
)

// HeartbeatsOptions says what Heartbeats measures.
type HeartbeatsOptions struct {
	Nodes     int              // 1 to 50,000, each with a connection of its own
	Heartbeat time.Duration    // of each node; default 2 s
	For       time.Duration    // how long is measured; default 20 s
	Self      string           // path of this program
	Dir       string           // where the server keeps its data; "" is a temporary directory
	Report    func(done int64) // called as nodes are registered; may be nil
}

// HeartbeatsReport is what Heartbeats measured, while nothing but heartbeats
// happened.
type HeartbeatsReport struct {
	Nodes          int     `json:"nodes"`
	Connections    int     `json:"connections"` // TCP, to the bus
	HeartbeatMs    float64 `json:"heartbeatMs"`
	BeatsPerSecond float64 `json:"beatsPerSecond"` // that the server counted
	Lost           int64   `json:"lost"`           // not answered within one heartbeat
	ServerCPUCores float64 `json:"serverCpuCores"` // of the server's process, the bus in it included
	ServerRSSMB    float64 `json:"serverRssMb"`    // 2^20 bytes
	Records        float64 `json:"records"`        // written to the journal
	Silent         int32   `json:"silent"`         // nodes that count as silent at the end
	P50Ms          float64 `json:"p50Ms"`          // from a heartbeat to its answer, as the node sees it
	P99Ms          float64 `json:"p99Ms"`
}

// Heartbeats runs a server as a process of its own, registers nodes that exist in
// this process only, and lets them do nothing but beat.
func Heartbeats(ctx context.Context, o HeartbeatsOptions) (r HeartbeatsReport, err error) {
	if o.Nodes < 1 || o.Nodes > 50_000 {
		return r, fmt.Errorf("%d nodes: it is 1 to 50000", o.Nodes)
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = 2 * time.Second
	}
	if o.For == 0 {
		o.For = 20 * time.Second
	}
	dir, err := os.MkdirTemp(o.Dir, "drover-bench-")
	if err != nil {
		return r, fmt.Errorf("make a directory for the benchmark: %w", err)
	}
	defer os.RemoveAll(dir)
	// Registering so many takes longer than a silence may last.
	cl, err := startServer(ctx, o.Self, dir, "--heartbeat", o.Heartbeat.String(), "--silent-after", max(10*o.Heartbeat, time.Minute).String())
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, cl.stop()) }()
	herd := herd{cluster: cl, o: &o}
	defer herd.close()
	if err := herd.gather(ctx); err != nil {
		return r, fmt.Errorf("register %d nodes: %w", o.Nodes, err)
	}
	return herd.measure(ctx)
}

// herd is many nodes that only beat.
type herd struct {
	*cluster
	o     *HeartbeatsOptions
	join  string // token
	beat  []byte
	nodes []*beater
}

// beater is one of them.
type beater struct {
	name string
	conn *nats.Conn
	took []float64 // ms
	lost int64
}

// gather connects and registers all nodes, some at a time.
func (h *herd) gather(ctx context.Context) (err error) {
	if h.join, err = h.readToken("join.token"); err != nil {
		return err
	}
	if h.beat, err = cbor.Marshal(api.Beat{Epoch: 1}); err != nil {
		return err
	}
	const atOnce = 64
	next, failed := make(chan *beater), make(chan error, atOnce)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for b := range next {
				if err := h.register(ctx, b); err != nil {
					cancel(err)
					failed <- err
					return
				}
			}
		})
	}
	for i := range h.o.Nodes {
		b := &beater{name: fmt.Sprintf("n%d", i)}
		h.nodes = append(h.nodes, b)
		select {
		case next <- b:
		case <-ctx.Done():
		}
		if h.o.Report != nil {
			h.o.Report(int64(i + 1))
		}
	}
	close(next)
	all.Wait()
	return context.Cause(ctx)
}

// register makes a node of the cell: join, connect, say hello.
func (h *herd) register(ctx context.Context, b *beater) error {
	body, err := json.Marshal(api.JoinRequest{Node: b.name})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL+"/v1/join", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+h.join)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var reply api.JoinReply
	if err := json.NewDecoder(res.Body).Decode(&reply); err != nil || res.StatusCode >= 300 {
		return fmt.Errorf("join as %s: status %s, %w", b.name, res.Status, err)
	}
	b.conn, err = bus.Connect(ctx, bus.Dial{URL: reply.NATS, User: reply.User, Password: reply.Password, Node: b.name})
	if err != nil {
		return err
	}
	hello, err := cbor.Marshal(api.Hello{Node: api.Node{
		Name: b.name, Site: "field", Layer: api.LayerDevice, Drivers: []string{api.DriverNoop},
		Capacity: api.Resources{CPU: 1000, Memory: api.GiB, Storage: api.GiB},
	}})
	if err != nil {
		return err
	}
	m, err := b.conn.RequestWithContext(ctx, bus.AgentSubject(b.name, "hello"), hello)
	if err == nil && len(m.Data) == 0 {
		err = fmt.Errorf("refused: %v", m.Header)
	}
	return err
}

func (h *herd) close() {
	for _, b := range h.nodes {
		if b.conn != nil {
			b.conn.Close()
		}
	}
}

// measure lets the nodes beat and looks at the server meanwhile.
func (h *herd) measure(ctx context.Context) (r HeartbeatsReport, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, b := range h.nodes {
		all.Go(func() { h.run(ctx, b) })
	}
	pause(ctx, h.o.Heartbeat+time.Second) // until all are in their rhythm
	before, err := h.look(ctx)
	if err == nil {
		pause(ctx, h.o.For)
		var after sample
		after, err = h.look(ctx)
		r = after.since(&before)
	}
	cancel()
	all.Wait()
	if err != nil {
		return r, err
	}
	r.Nodes, r.Connections, r.HeartbeatMs = len(h.nodes), len(h.nodes), ms(h.o.Heartbeat)
	var took []float64
	for _, b := range h.nodes {
		took, r.Lost = append(took, b.took...), r.Lost+b.lost
	}
	slices.Sort(took)
	r.P50Ms, r.P99Ms = quantile(took, 50), quantile(took, 99)
	return r, nil
}

// run beats until ctx ends, as an agent does: in a rhythm of its own.
func (h *herd) run(ctx context.Context, b *beater) {
	pause(ctx, rand.N(h.o.Heartbeat))
	tick := time.NewTicker(h.o.Heartbeat)
	defer tick.Stop()
	for ctx.Err() == nil {
		began := time.Now()
		if _, err := b.conn.Request(bus.AgentSubject(b.name, "beat"), h.beat, h.o.Heartbeat); err == nil {
			b.took = append(b.took, ms(time.Since(began)))
		} else if ctx.Err() == nil {
			b.lost++
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// sample is the server at one moment.
type sample struct {
	at             time.Time
	cpu            time.Duration
	rss            float64
	beats, records float64
	silent         float64
}

func (h *herd) look(ctx context.Context) (s sample, err error) {
	s.at, s.cpu, s.rss = time.Now(), cpuOf(h.server.Process.Pid), rssOf(h.server.Process.Pid)
	for name, to := range map[string]*float64{
		"drover_heartbeats_total": &s.beats, "drover_batches_total": &s.records, "drover_nodes_silent": &s.silent,
	} {
		if *to, err = h.metric(ctx, name); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *sample) since(b *sample) HeartbeatsReport {
	seconds := s.at.Sub(b.at).Seconds()
	return HeartbeatsReport{
		BeatsPerSecond: (s.beats - b.beats) / seconds, ServerCPUCores: (s.cpu - b.cpu).Seconds() / seconds,
		ServerRSSMB: s.rss, Records: s.records - b.records, Silent: int32(s.silent),
	}
}

// pause waits, or returns sooner when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
