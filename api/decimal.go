package api

import (
	"math/bits"
	"strconv"
)

// decimal is a non-negative decimal number as written: value / 10^scale. Text
// forms of quantities are read through it, in integers, so that every machine
// reads the same number.
type decimal struct {
	value uint64
	scale int // digits after the point, at most maxScale
}

// maxScale keeps 10^scale inside a uint64.
const maxScale = 18

// cutDecimal reads the number at the start of s and returns what follows it.
// ok is false when s does not start with a digit or the number has too many
// digits for 64 bits.
func cutDecimal(s string) (d decimal, rest string, ok bool) {
	i, digits, point := 0, 0, false
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' && !point && digits > 0 {
			point = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		hi, lo := bits.Mul64(d.value, 10)
		sum, carry := bits.Add64(lo, uint64(c-'0'), 0)
		if hi != 0 || carry != 0 || d.scale == maxScale {
			return decimal{}, s, false
		}
		d.value = sum
		digits++
		if point {
			d.scale++
		}
	}
	if digits == 0 || s[i-1] == '.' {
		return decimal{}, s, false
	}
	return d, s[i:], true
}

// times returns d × unit, whole. exact is false when a fraction of one was cut
// off; fits is false when the product is beyond a uint64.
func (d decimal) times(unit uint64) (n uint64, exact, fits bool) {
	hi, lo := bits.Mul64(d.value, unit)
	div := pow10(d.scale)
	if hi >= div {
		return 0, false, false
	}
	q, r := bits.Div64(hi, lo, div)
	return q, r == 0, true
}

func pow10(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}

// appendDecimal writes value / 10^scale without trailing zeros.
func appendDecimal(b []byte, value uint64, scale int) []byte {
	div := pow10(scale)
	b = strconv.AppendUint(b, value/div, 10)
	frac := value % div
	if frac == 0 {
		return b
	}
	b = append(b, '.')
	for frac > 0 {
		div /= 10
		b = append(b, byte('0'+frac/div))
		frac %= div
	}
	return b
}
