package forecast

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// LSTM is a recurrent network of one layer (Hochreiter and Schmidhuber, 1997, "Long
// Short-Term Memory", with the forget gate of Gers, Schmidhuber and Cummins, 2000)
// that reads the series step by step and predicts the next change from one season
// ago; trained by Adam (Kingma and Ba, 2015) on windows by truncated back-propagation,
// stopped when the last tenth of the series is predicted no better.
type LSTM struct {
	Hidden int // 0 means 32
	Window int // steps of back-propagation; 0 means 48
	Epochs int // at most; 0 means 30
	Seed   uint64
}

var _ Model = LSTM{}

// Limits on what one fit may cost.
const (
	maxHidden = 512
	maxEpochs = 1000
)

// lstm is the network: gates in the order input, forget, cell, output.
type lstm struct {
	inputs, hidden int
	w              []float64 // 4·hidden rows of [inputs, hidden, 1], then the output row of [hidden, 1]
}

func newLSTM(inputs, hidden int, rng *rand.Rand) *lstm {
	n := &lstm{inputs: inputs, hidden: hidden}
	n.w = make([]float64, 4*hidden*n.width()+hidden+1)
	for i := range n.w[:4*hidden*n.width()] {
		n.w[i] = rng.NormFloat64() / math.Sqrt(float64(inputs+hidden))
	}
	for j := range hidden { // remember at first
		n.w[(hidden+j)*n.width()+n.width()-1] = 1
	}
	out := n.w[4*hidden*n.width():]
	for i := range hidden {
		out[i] = rng.NormFloat64() * .1 / math.Sqrt(float64(hidden))
	}
	return n
}

func (n *lstm) width() int { return n.inputs + n.hidden + 1 }

// memory is the state between steps.
type memory struct{ h, c []float64 }

func (n *lstm) blank() memory {
	return memory{make([]float64, n.hidden), make([]float64, n.hidden)}
}

// step is what one step leaves for the way back.
type step struct {
	in    []float64 // inputs, last hidden, 1
	gates []float64 // after their functions
	c, hc []float64 // cell before; tanh of the cell after
	h     []float64
	out   float64
}

// forward runs one step from m, which it moves on.
func (n *lstm) forward(x []float64, m *memory) step {
	H, W := n.hidden, n.width()
	s := step{in: make([]float64, W), gates: make([]float64, 4*H), c: slices.Clone(m.c), hc: make([]float64, H), h: make([]float64, H)}
	copy(s.in, x)
	copy(s.in[n.inputs:], m.h)
	s.in[W-1] = 1
	for g := range 4 * H {
		v := dot(n.w[g*W:(g+1)*W], s.in)
		if g >= 2*H && g < 3*H {
			s.gates[g] = math.Tanh(v)
		} else {
			s.gates[g] = 1 / (1 + math.Exp(-v))
		}
	}
	out := n.w[4*H*W:]
	s.out = out[H]
	for j := range H {
		m.c[j] = s.gates[H+j]*m.c[j] + s.gates[j]*s.gates[2*H+j]
		s.hc[j] = math.Tanh(m.c[j])
		s.h[j] = s.gates[3*H+j] * s.hc[j]
		s.out += out[j] * s.h[j]
	}
	copy(m.h, s.h)
	return s
}

// backward adds the gradient of Σ d_t·out_t over the steps to grad.
func (n *lstm) backward(steps []step, d, grad []float64) {
	H, W := n.hidden, n.width()
	out, gout := n.w[4*H*W:], grad[4*H*W:]
	dh, dc, da := make([]float64, H), make([]float64, H), make([]float64, 4*H)
	for t := len(steps) - 1; t >= 0; t-- {
		s := &steps[t]
		gout[H] += d[t]
		for j := range H {
			gout[j] += d[t] * s.h[j]
			hj := dh[j] + d[t]*out[j]
			i, f, g, o := s.gates[j], s.gates[H+j], s.gates[2*H+j], s.gates[3*H+j]
			cj := dc[j] + hj*o*(1-s.hc[j]*s.hc[j])
			da[j] = cj * g * i * (1 - i)
			da[H+j] = cj * s.c[j] * f * (1 - f)
			da[2*H+j] = cj * i * (1 - g*g)
			da[3*H+j] = hj * s.hc[j] * o * (1 - o)
			dc[j] = cj * f
		}
		clear(dh)
		for g, a := range da {
			if a == 0 {
				continue
			}
			row, grow := n.w[g*W:(g+1)*W], grad[g*W:(g+1)*W]
			for k, v := range s.in {
				grow[k] += a * v
			}
			for k := range H {
				dh[k] += a * row[n.inputs+k]
			}
		}
	}
}

// adam is the optimiser's memory.
type adam struct {
	m, v []float64
	t    int
}

func (a *adam) move(w, g []float64, rate float64) {
	const b1, b2, tiny = .9, .999, 1e-8
	a.t++
	c1, c2 := 1-math.Pow(b1, float64(a.t)), 1-math.Pow(b2, float64(a.t))
	norm := math.Sqrt(dot(g, g))
	clip := min(1, 5/max(norm, 1e-12))
	for i, d := range g {
		d *= clip
		a.m[i] = b1*a.m[i] + (1-b1)*d
		a.v[i] = b2*a.v[i] + (1-b2)*d*d
		w[i] -= rate * (a.m[i] / c1) / (math.Sqrt(a.v[i]/c2) + tiny)
	}
}

// reader turns a series into inputs and targets of the network.
type reader struct {
	u       unit
	anchor  int
	periods []int
	exog    [][]float64
	offset  []float64 // of inputs
	spread  []float64
}

func (r *reader) inputs() int { return 2 + 2*len(r.periods) + len(r.exog) }

// at fills the inputs for predicting step t from what lies before x[i].
func (r *reader) at(x []float64, i, t int, out []float64) []float64 {
	out = append(out, x[i-1], x[i-r.anchor]-x[i-1])
	for _, m := range r.periods {
		sin, cos := math.Sincos(2 * math.Pi * float64(t%m) / float64(m))
		out = append(out, sin, cos)
	}
	for k, e := range r.exog {
		out = append(out, (e[min(t, len(e)-1)]-r.offset[k])/r.spread[k])
	}
	return out
}

func newReader(x []float64, s Series) *reader {
	r := &reader{anchor: 1, exog: s.Exog}
	for _, m := range s.Periods {
		if len(x) >= 3*m {
			r.periods = append(r.periods, m)
		}
	}
	if len(r.periods) > 0 {
		r.anchor = r.periods[0]
	}
	r.u = newUnit(x, nil)
	sd := max(math.Sqrt(variance(x)), 1e-300)
	r.u.scale = sd
	for i, v := range x {
		r.u.x[i] = (v - r.u.level) / sd
	}
	for _, e := range r.exog {
		r.offset = append(r.offset, mean(e[:len(x)]))
		r.spread = append(r.spread, max(math.Sqrt(variance(e[:len(x)])), 1e-9))
	}
	return r
}

// Fit implements Model.
func (m LSTM) Fit(s Series) (Fitted, error) {
	x, notes, err := prepare(s)
	if err != nil {
		return nil, err
	}
	m.Hidden, m.Window, m.Epochs = min(maxHidden, or(m.Hidden, 32)), min(1000, or(m.Window, 48)), min(maxEpochs, or(m.Epochs, 30))
	r := newReader(x, s)
	if len(x) < r.anchor+40 || constant(x) {
		return seasonalNaive("naive", x, 1, append(notes, "constant or too short: naive instead of an LSTM")), nil
	}
	net, epochs := m.train(r, len(x))
	sum := plain("lstm", fmt.Sprintf("%d hidden, %d inputs, %d epochs", m.Hidden, r.inputs(), epochs))
	sum.Notes = notes
	half, _ := m.train(r, len(x)*7/10)
	spread := holdout(x, func([]float64) func([]float64, int) []float64 {
		return func(past []float64, h int) []float64 { return half.onward(r, r.u.x[:len(past)], len(past), h) }
	})
	return &fit{summary: sum, body: newRecurrent(net, r, spread)}, nil
}

// train learns from the first n values and returns the best network and the epochs
// it took.
func (m LSTM) train(r *reader, n int) (*lstm, int) {
	rng := newRand(m.Seed, uint64(n))
	net := newLSTM(r.inputs(), m.Hidden, rng)
	opt := &adam{m: make([]float64, len(net.w)), v: make([]float64, len(net.w))}
	grad := make([]float64, len(net.w))
	first := r.anchor
	valid := max(n-max(n/10, 10), first+20)
	best, bestErr, bad := slices.Clone(net.w), math.Inf(1), 0
	epoch := 0
	for ; epoch < m.Epochs && bad < 4; epoch++ {
		rate := .01 / (1 + .1*float64(epoch))
		state := net.blank()
		for from := first; from < valid; from += m.Window {
			net.pass(r, from, min(from+m.Window, valid), &state, grad)
			opt.move(net.w, grad, rate)
			clear(grad)
		}
		if e := net.pass(r, valid, n, &state, nil); e < bestErr*.999 {
			bestErr, bad = e, 0
			copy(best, net.w)
		} else {
			bad++
		}
	}
	net.w = best
	return net, epoch
}

// pass runs the network over steps from … to−1 and returns the mean squared error;
// with grad it adds the gradient of half of it.
func (n *lstm) pass(r *reader, from, to int, m *memory, grad []float64) float64 {
	x := r.u.x
	var steps []step
	var d []float64
	sum := 0.0
	count := float64(max(1, to-from))
	var in []float64
	for t := from; t < to; t++ {
		in = r.at(x, t, t, in[:0])
		s := n.forward(in, m)
		e := s.out - (x[t] - x[t-r.anchor])
		sum += e * e
		if grad != nil {
			steps, d = append(steps, s), append(d, e/count)
		}
	}
	if grad != nil {
		n.backward(steps, d, grad)
	}
	return sum / count
}

// warm is how many values the network reads before it forecasts.
const warm = 300

// onward reads the last of the values x, and forecasts h steps from step t, which follows
// on them.
func (n *lstm) onward(r *reader, x []float64, t, h int) []float64 {
	from := max(r.anchor, len(x)-warm)
	all := slices.Clone(x[from-r.anchor:])
	state := n.blank()
	var in []float64
	for i := r.anchor; i < len(all); i++ {
		in = r.at(all, i, t-len(all)+i, in[:0])
		n.forward(in, &state)
	}
	out := make([]float64, h)
	for k := range out {
		i := len(all)
		in = r.at(all, i, t+k, in[:0])
		v := all[i-r.anchor] + n.forward(in, &state).out
		all = append(all, max(-50, min(50, v)))
		out[k] = r.u.level + r.u.scale*all[i]
	}
	return out
}

// recurrent is a fitted network with the values that it reads.
type recurrent struct {
	net    lstm
	reader reader // u.x holds the last values only
	t      int    // the number of the next step
	spread spreads
}

func newRecurrent(net *lstm, r *reader, spread spreads) *recurrent {
	b := &recurrent{*net, *r, len(r.u.x), spread}
	b.reader.u.x = slices.Clone(r.u.x[max(0, len(r.u.x)-warm-r.anchor):])
	return b
}

func (*recurrent) kind() string             { return "lstm" }
func (b *recurrent) mean(h int) []float64   { return b.net.onward(&b.reader, b.reader.u.x, b.t, h) }
func (b *recurrent) predict(h int) Forecast { return b.spread.around(b.mean(h)) }

func (b *recurrent) learn(v float64) {
	u := &b.reader.u
	u.x = append(u.x, (v-u.level)/u.scale)
	u.x = u.x[max(0, len(u.x)-warm-b.reader.anchor):]
	b.t++
}

func (b *recurrent) walk(c *codec) {
	n, r := &b.net, &b.reader
	c.number(&n.inputs)
	c.number(&n.hidden)
	c.floats(&n.w)
	c.number(&r.anchor)
	c.steps(&r.periods, MaxPeriod)
	c.rows(&r.exog)
	c.floats(&r.offset)
	c.floats(&r.spread)
	r.u.walk(c)
	c.number(&b.t)
	b.spread.walk(c)
	c.require(n.hidden >= 1 && n.hidden <= maxHidden && n.inputs <= MaxPoints && n.inputs == r.inputs() &&
		len(n.w) == 4*n.hidden*n.width()+n.hidden+1)
	c.require(r.anchor >= 1 && r.anchor < len(r.u.x) && len(r.u.x) <= b.t && len(r.offset) == len(r.exog) && len(r.spread) == len(r.exog))
}
