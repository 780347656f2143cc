package api

import (
	"fmt"
	"math"
	"strings"
)

// ParseMoney reads an amount and its currency: "0.12 EUR". Amounts are exact to
// a millionth and may be negative, as prices on power markets are.
func ParseMoney(s string) (Money, error) {
	amount, currency, _ := strings.Cut(s, " ")
	digits, negative := strings.CutPrefix(amount, "-")
	d, rest, ok := cutDecimal(digits)
	if !ok || rest != "" {
		return Money{}, fmt.Errorf("%s is not an amount of money; write for example 0.12 EUR", quote(s))
	}
	if s == "0" {
		return Money{}, nil
	}
	if !validCurrency(currency) {
		return Money{}, fmt.Errorf("%s has no currency; write an ISO 4217 code after the amount: %s EUR", quote(s), amount)
	}
	n, exact, fits := d.times(1e6)
	if !exact && fits {
		return Money{}, fmt.Errorf("%s is finer than a millionth", quote(s))
	}
	if !fits || n > math.MaxInt64 {
		return Money{}, fmt.Errorf("%s is too large for an amount of money", quote(s))
	}
	m := Money{Micro: int64(n), Currency: currency}
	if negative {
		m.Micro = -m.Micro
	}
	return m, nil
}

// validCurrency reports whether s has the form of an ISO 4217 code.
func validCurrency(s string) bool {
	if len(s) != 3 {
		return false
	}
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return true
}

// String is the amount and the currency: "0.12 EUR"; "0" for the zero Money.
func (m Money) String() string { return string(m.append(nil)) }

func (m Money) append(b []byte) []byte {
	b, n := appendSign(b, m.Micro)
	b = appendDecimal(b, n, 6)
	if m.Currency != "" {
		b = append(append(b, ' '), m.Currency...)
	}
	return b
}

// AppendText implements encoding.TextAppender.
func (m Money) AppendText(b []byte) ([]byte, error) { return m.append(b), nil }

// MarshalText implements encoding.TextMarshaler.
func (m Money) MarshalText() ([]byte, error) { return m.append(nil), nil }

// UnmarshalText is ParseMoney.
func (m *Money) UnmarshalText(b []byte) (err error) {
	*m, err = ParseMoney(string(b))
	return err
}
