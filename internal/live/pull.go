package live

import (
	"bytes"
	"context"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"drover.dev/api"
	"drover.dev/internal/artifact"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// Bounds of one answer to a Pull.
const (
	maxPullBytes = 768 << 10 // of the items together
	maxPullItems = 2048
	maxPullGone  = 16_384
	// Values of earlier tasks travel inside an assignment until they are this
	// many bytes together; beyond, they become artifacts.
	maxInlineInputs = 64 << 10
)

// pulled is an answer before it is cut to size.
type pulled struct {
	set   api.AssignmentSet
	items []api.Assignment
	gone  []change
	end   uint64 // version that the answer reaches
}

// pull collects what a node asked for.
func (s *shadow) pull(node string, p api.Pull) (pulled, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := s.engine.State()
	n, set := st.Nodes[node], s.sets[node]
	if n == nil {
		return pulled{}, fmt.Errorf("node %s is not registered: say hello first", node)
	}
	set.mu.Lock()
	defer set.mu.Unlock()
	known := p.Have != 0 && p.Have <= n.Version && (p.Have >= set.base || p.Have == set.partial)
	out := pulled{end: n.Version}
	out.set = api.AssignmentSet{Epoch: st.Epoch, Full: !known}
	from := uint64(0)
	if known {
		from, out.set.From = p.Have, p.Have
		out.set.Gone, set.strays = set.strays, nil
	}
	out.collect(s.engine, n, set.since(from), known)
	set.partial = 0
	if out.end < n.Version && (!known || p.Have < set.base) {
		set.partial = out.end
	}
	return out, nil
}

// cutAt notes that the answer to a pull was cut shorter than pull had thought.
func (s *shadow) cutAt(node string, have, cut uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if set := s.sets[node]; set != nil && have < set.base {
		set.mu.Lock()
		defer set.mu.Unlock()
		set.partial = cut
	}
}

// collect takes changes in order until there are enough of them.
func (p *pulled) collect(e *engine.Engine, n *state.Node, changes []change, gone bool) {
	for _, c := range changes {
		if len(p.items) == maxPullItems || len(p.gone) == maxPullGone {
			p.end = c.version - 1
			p.set.Again = true
			return
		}
		switch {
		case c.gone && gone:
			p.gone = append(p.gone, c)
		case !c.gone && current(n, c):
			w, t := e.State().Task(c.attempt.TaskRef)
			p.items = append(p.items, e.Assignment(w, t))
		}
	}
}

// wireSet is api.AssignmentSet with its items encoded already.
type wireSet struct {
	Epoch   uint64            `cbor:"1,keyasint,omitempty"`
	From    uint64            `cbor:"2,keyasint,omitempty"`
	Version uint64            `cbor:"3,keyasint,omitempty"`
	Full    bool              `cbor:"4,keyasint,omitempty"`
	Items   []cbor.RawMessage `cbor:"5,keyasint,omitempty"`
	Gone    []api.Attempt     `cbor:"6,keyasint,omitempty"`
	Again   bool              `cbor:"7,keyasint,omitempty"`
}

// answer encodes as much as fits. An assignment that fits in no message is left
// out and returned in refused: it cannot be delivered.
func (c *Cell) answer(ctx context.Context, p pulled) (body []byte, refused []api.Attempt, cut uint64, err error) {
	out := wireSet{Epoch: p.set.Epoch, From: p.set.From, Full: p.set.Full, Gone: p.set.Gone, Again: p.set.Again}
	size := 0
	for i := range p.items {
		if err := c.storeInputs(ctx, &p.items[i]); err != nil {
			return nil, nil, 0, err
		}
		b, err := c.codec.enc.Marshal(&p.items[i])
		if err != nil {
			return nil, nil, 0, fmt.Errorf("encode assignment %s: %w", p.items[i].Name, err)
		}
		if len(b) > maxPullBytes {
			refused = append(refused, p.items[i].Attempt)
			continue
		}
		if size += len(b); size > maxPullBytes {
			p.end = p.items[i].Version - 1
			out.Again, cut = true, p.end
			break
		}
		out.Items = append(out.Items, b)
	}
	for _, g := range p.gone {
		if g.version <= p.end {
			out.Gone = append(out.Gone, g.attempt)
		}
	}
	out.Version = p.end
	body, err = c.codec.enc.Marshal(&out)
	return body, refused, cut, err
}

// storeInputs turns the inline inputs of an assignment into artifacts when they
// are too many to travel inside. Storing them again costs nothing.
func (c *Cell) storeInputs(ctx context.Context, a *api.Assignment) error {
	total := 0
	for i := range a.Inputs {
		total += len(a.Inputs[i].Inline)
	}
	if total <= maxInlineInputs {
		return nil
	}
	for i := range a.Inputs {
		in := &a.Inputs[i]
		if len(in.Inline) == 0 {
			continue
		}
		d, _, err := c.artifacts.Put(ctx, bytes.NewReader(in.Inline), artifact.Of(in.Inline))
		if err != nil {
			return fmt.Errorf("store input %s of %s: %w", in.Path, a.Name, err)
		}
		in.Digest, in.Inline = api.Digest(d), nil
	}
	return nil
}

// undeliverable makes the report that a node would send for an assignment that
// no message can carry.
func undeliverable(node string, ids []api.Attempt) *engine.Reports {
	out := &engine.Reports{Node: node}
	for _, id := range ids {
		out.Reports = append(out.Reports, api.Report{
			Attempt: id, N: 1, Kind: api.ReportEnded,
			Result: &api.Result{
				Outcome: api.OutcomeRejected, Reason: "inputs too many",
				Detail: fmt.Sprintf("its list of inputs is larger than %d bytes: join the outputs of a large array in several steps", maxPullBytes),
			},
		})
	}
	return out
}
