package forecast

import (
	"encoding/binary"
	"errors"
	"math"
)

// codec writes the fields of a fitted model, or reads them: one walk over the fields
// serves both ways, so that what is read is what was written. After the first error it
// reads zeros, and allocates no more than a small multiple of the bytes that are left.
type codec struct {
	reading bool
	data    []byte // written so far, or still to be read
	depth   int
	err     error
}

var errFrozen = errors.New("the fitted model is damaged, or of another version: fit it anew")

// require fails a reading when what was read cannot be.
func (c *codec) require(ok bool) {
	if c.reading && !ok && c.err == nil {
		c.err = errFrozen
	}
}

func (c *codec) take(n int) []byte {
	if c.err == nil && len(c.data) < n {
		c.err = errFrozen
	}
	if c.err != nil {
		return make([]byte, n)
	}
	out := c.data[:n]
	c.data = c.data[n:]
	return out
}

func (c *codec) word(v *uint64) {
	if c.reading {
		*v = binary.LittleEndian.Uint64(c.take(8))
		return
	}
	c.data = binary.LittleEndian.AppendUint64(c.data, *v)
}

func (c *codec) float(v *float64) {
	bits := math.Float64bits(*v)
	c.word(&bits)
	*v = math.Float64frombits(bits)
}

// most is the largest number that is read: no place or count is above it.
const most = 1 << 30

// number is a count or a place, 0 to most.
func (c *codec) number(v *int) {
	if !c.reading {
		c.data = binary.AppendUvarint(c.data, uint64(*v))
		return
	}
	got, n := binary.Uvarint(c.data)
	if c.err != nil || n <= 0 || got > most {
		c.require(false)
		*v = 0
		return
	}
	c.data = c.data[n:]
	*v = int(got)
}

func (c *codec) flag(v *bool) {
	n := 0
	if *v {
		n = 1
	}
	c.number(&n)
	c.require(n <= 1)
	*v = n == 1
}

func (c *codec) letter(v *Component) {
	n := int(*v)
	c.number(&n)
	c.require(n <= math.MaxUint8)
	*v = Component(n)
}

func (c *codec) text(v *string) {
	n := len(*v)
	c.number(&n)
	if !c.reading {
		c.data = append(c.data, *v...)
		return
	}
	c.require(n <= len(c.data))
	if c.err == nil {
		*v = string(c.take(n))
	}
}

// count is the length of a list whose items take at least so many bytes each.
func (c *codec) count(n, least int) int {
	c.number(&n)
	c.require(n <= len(c.data)/least)
	if c.err != nil {
		return 0
	}
	return n
}

// list walks over a list whose items take at least so many bytes each.
func list[T any](c *codec, v *[]T, least int, each func(*T)) {
	n := c.count(len(*v), least)
	if c.reading {
		*v = make([]T, n)
	}
	for i := range *v {
		if c.err != nil {
			return
		}
		each(&(*v)[i])
	}
}

func (c *codec) floats(v *[]float64) { list(c, v, 8, c.float) }
func (c *codec) numbers(v *[]int)    { list(c, v, 1, c.number) }
func (c *codec) texts(v *[]string)   { list(c, v, 1, c.text) }

// some are floats of which there is at least one.
func (c *codec) some(v *[]float64) {
	c.floats(v)
	c.require(len(*v) > 0)
}

// rows are lists of floats, none empty.
func (c *codec) rows(v *[][]float64) { list(c, v, 9, c.some) }

// steps are lags or seasons: they ascend from at least 1 to at most n.
func (c *codec) steps(v *[]int, n int) {
	c.numbers(v)
	c.require(ascending(*v, n))
}

func ascending(v []int, n int) bool {
	last := 0
	for _, s := range v {
		if s <= last || s > n {
			return false
		}
		last = s
	}
	return true
}
