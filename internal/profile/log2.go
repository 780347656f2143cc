package profile

import (
	"math"
	"math/bits"

	"drover.dev/api"
)

// A code is the binary logarithm of a duration in nanoseconds, in 1/1024ths of
// an octave: neighbours differ by 0.07 %, and 16 bits span all durations.
const (
	fraction = 10
	octave   = 1 << fraction
	maxCode  = 63*octave - 1
)

// encode returns the code nearest to d; durations below 1 ns count as 1 ns.
//
// The bits of the fraction come from repeated squaring: a mantissa whose square
// reaches 2 has the next bit set. No floating point, so the same bits everywhere.
func encode(d api.Duration) uint16 {
	x := uint64(max(d, 1))
	e := bits.Len64(x) - 1
	m := x << (63 - e) // the mantissa in [1, 2), 63 fractional bits
	f := 0
	for range fraction + 1 { // one bit more, to round by
		hi, _ := bits.Mul64(m, m)
		f <<= 1
		if hi>>63 == 1 {
			f |= 1
			m = hi
		} else {
			m = hi << 1
		}
	}
	return uint16(min(e<<fraction+(f+1)>>1, maxCode))
}

// roots holds 2^(1/2), 2^(1/4), … 2^(1/1024) with 63 fractional bits.
var roots = [fraction]uint64{
	0xb504f333f9de6484,
	0x9837f0518db8a96f,
	0x8b95c1e3ea8bd6e7,
	0x85aac367cc487b15,
	0x82cd8698ac2ba1d7,
	0x8164d1f3bc030773,
	0x80b1ed4fd999ab6c,
	0x8058d7d2d5e5f6b1,
	0x802c6436d0e04f51,
	0x8016302f17467628,
}

// decode returns the duration that a code stands for; codes outside the range
// are clamped to it.
func decode(code int) api.Duration {
	code = min(max(code, 0), maxCode)
	m := uint64(1) << 63
	for i, root := range roots {
		if code>>(fraction-1-i)&1 == 1 {
			hi, _ := bits.Mul64(m, root)
			m = hi << 1
		}
	}
	shift := 63 - code>>fraction
	if shift == 0 {
		return math.MaxInt64
	}
	return api.Duration((m>>(shift-1) + 1) >> 1)
}
