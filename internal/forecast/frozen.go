package forecast

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"
)

// path is a model that has learnt from a series, as data: it continues the series.
type path interface {
	kind() string // by which it is found again
	// mean forecasts h steps; fewer when the model was made for no more.
	mean(h int) []float64
	// learn takes in the value that came next. Coefficients stay; states move on.
	learn(v float64)
	// walk visits every field, and when it has read them refuses what cannot be.
	walk(c *codec)
}

// body is a path with intervals.
type body interface {
	path
	predict(h int) Forecast
}

// blank makes an empty path of a kind; nil when there is no such kind.
func blank(kind string) path {
	for _, p := range []path{
		&repeating{}, &drifting{}, &averaging{}, &seasonal{}, &smoothing{}, &thetaLines{}, &integrated{}, &iterated{}, &recurrent{},
		&mixture{}, &middle{}, &decomposition{}, &lagging{}, &logarithmic{}, &boosted{}, &nothing{},
	} {
		if p.kind() == kind {
			return p
		}
	}
	return nil
}

// maxDepth is how deep models hold models: a mixture of a season of a smoothing.
const maxDepth = 4

func (c *codec) path(p *path) {
	name := ""
	if !c.reading {
		name = (*p).kind()
	}
	c.text(&name)
	if c.reading {
		*p = blank(name)
		c.require(*p != nil && c.depth < maxDepth)
		if c.err != nil {
			*p = &nothing{}
			return
		}
	}
	c.depth++
	(*p).walk(c)
	c.depth--
}

// inner walks over a path that has intervals.
func (c *codec) inner(b *body) {
	var p path
	if !c.reading {
		p = *b
	}
	c.path(&p)
	if got, ok := p.(body); ok {
		*b = got
		return
	}
	c.require(false)
	*b = &nothing{}
}

// Kept is a fitted model that can be stored, and taken up where it was left: as bytes by
// Freeze, from bytes by [Thaw]. What it forecasts then is the same to the last bit.
type Kept struct {
	Fitted Fitted
	Seen   int    // values that it was fitted to or has taken in since
	Mark   uint64 // of these values, by which a series that continues them is told from another
}

// MaxFrozen is the largest stored model, in bytes.
const MaxFrozen = 16 << 20

// frozenHead begins every stored model. Its number changes when what stands behind it is
// read in another way, or when models are computed in another way from the same fields.
const frozenHead = "drover model 1\n"

var errKind = errors.New("only models of this package can be kept")

// Keep makes a fitted model ready to be stored, with the values that it was fitted to.
func Keep(f Fitted, values []float64) Kept {
	return Kept{f, len(values), markOf(firstMark, values)}
}

// The marks are FNV-1a over the bits of the values (Fowler, Noll and Vo, 1991).
const (
	firstMark = 14695981039346656037
	markPrime = 1099511628211
)

func markOf(mark uint64, values []float64) uint64 {
	for _, v := range values {
		bits := math.Float64bits(v)
		if math.IsNaN(v) { // there are many
			bits = math.Float64bits(math.NaN())
		}
		for range 8 {
			mark = (mark ^ bits&0xff) * markPrime
			bits >>= 8
		}
	}
	return mark
}

// Freeze writes the model with a version and a SHA-256.
func (k Kept) Freeze() ([]byte, error) {
	f, ok := k.Fitted.(*fit)
	if !ok {
		return nil, errKind
	}
	c := codec{}
	k.walk(&c, f)
	sum := sha256.Sum256(c.data)
	if n := len(frozenHead) + len(sum) + len(c.data); n > MaxFrozen {
		return nil, fmt.Errorf("the fitted model takes %d bytes, at most %d are kept: fit one with fewer trees, or to fewer values", n, MaxFrozen)
	}
	return slices.Concat([]byte(frozenHead), sum[:], c.data), nil
}

// Thaw reads what Freeze wrote. Anything else is refused.
func Thaw(data []byte) (Kept, error) {
	rest, ok := bytes.CutPrefix(data, []byte(frozenHead))
	if !ok || len(data) > MaxFrozen || len(rest) < sha256.Size {
		return Kept{}, errFrozen
	}
	rest, want := rest[sha256.Size:], rest[:sha256.Size]
	if sum := sha256.Sum256(rest); !bytes.Equal(sum[:], want) {
		return Kept{}, errFrozen
	}
	return thaw(rest)
}

// thaw reads the fields.
func thaw(data []byte) (Kept, error) {
	c, k, f := codec{reading: true, data: data}, Kept{}, &fit{}
	k.walk(&c, f)
	c.require(len(c.data) == 0)
	if c.err != nil {
		return Kept{}, c.err
	}
	k.Fitted = f
	return k, nil
}

func (k *Kept) walk(c *codec, f *fit) {
	c.number(&k.Seen)
	c.word(&k.Mark)
	f.summary.walk(c)
	c.inner(&f.body)
}

func (s *Summary) walk(c *codec) {
	c.text(&s.Model)
	c.text(&s.Form)
	list(c, &s.Coefficients, 17, func(k *Coefficient) {
		c.text(&k.Name)
		c.float(&k.Value)
		c.float(&k.StandardError)
	})
	for _, v := range []*float64{&s.LogLik, &s.Sigma2, &s.AIC, &s.AICc, &s.BIC} {
		c.float(v)
	}
	c.texts(&s.Notes)
}

// Extend gives the model after further values, without a fit: coefficients and intervals
// stay, what is carried from step to step moves on. A missing value counts as what was
// expected of it. Values of inputs that were given ahead are used as their time comes.
func (k Kept) Extend(values []float64) (Kept, error) {
	f, ok := k.Fitted.(*fit)
	if !ok {
		return Kept{}, errKind
	}
	if err := (Series{Values: values}).Check(); err != nil && !errors.Is(err, ErrEmpty) {
		return Kept{}, err
	}
	c := codec{} // a copy: who holds the model keeps it as it is
	k.walk(&c, f)
	out, err := thaw(c.data)
	if err != nil {
		return Kept{}, err
	}
	b := out.Fitted.(*fit).body
	for _, v := range values {
		if math.IsNaN(v) {
			if next := b.mean(1); len(next) > 0 {
				v = next[0]
			}
		}
		b.learn(v)
	}
	out.Seen, out.Mark = k.Seen+len(values), markOf(k.Mark, values)
	return out, nil
}

// ErrOther says that a series does not begin with what a model has seen.
var ErrOther = errors.New("the series does not continue what the model was fitted to")

// Follow extends the model by what a series, of which it has seen the beginning, holds
// beyond that.
func (k Kept) Follow(values []float64) (Kept, error) {
	if k.Seen > len(values) {
		return Kept{}, fmt.Errorf("%w: it has seen %d values, the series holds %d", ErrOther, k.Seen, len(values))
	}
	if markOf(firstMark, values[:k.Seen]) != k.Mark {
		return Kept{}, fmt.Errorf("%w: the first %d values are others", ErrOther, k.Seen)
	}
	return k.Extend(values[k.Seen:])
}

// nothing forecasts that nothing is known.
type nothing struct{}

func (*nothing) kind() string           { return "nothing" }
func (*nothing) mean(h int) []float64   { return fill(h, math.NaN()) }
func (*nothing) learn(float64)          {}
func (*nothing) walk(*codec)            {}
func (*nothing) predict(h int) Forecast { return normal(fill(h, math.NaN()), fill(h, math.NaN())) }
