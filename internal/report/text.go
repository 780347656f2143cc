package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean returns a text that is safe on a terminal and in a line: control and
// invisible formatting characters (escape sequences, line breaks, overrides of
// the writing direction) and invalid UTF-8 appear as escapes such as \x1b.
func Clean(s string) string {
	if clean(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !hidden(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

func clean(s string) bool {
	for i, r := range s {
		if hidden(r) || r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			return false
		}
	}
	return true
}

// hidden reports whether a character acts without being seen.
func hidden(r rune) bool {
	if r < 0x80 {
		return r < 0x20 || r == 0x7f
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
}

// Width is how many terminal columns a clean text takes: 2 for wide East Asian
// characters and emoji, 0 for combining marks.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// wide holds the blocks whose characters are East Asian Wide or Fullwidth
// (Unicode Standard Annex 11), or emoji.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1},
		{0x2e80, 0x303e, 1},
		{0x3041, 0xa4cf, 1},
		{0xa960, 0xa97c, 1},
		{0xac00, 0xd7a3, 1},
		{0xf900, 0xfaff, 1},
		{0xfe30, 0xfe6f, 1},
		{0xff01, 0xff60, 1},
		{0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{
		{0x16fe0, 0x18aff, 1},
		{0x1b000, 0x1b2ff, 1},
		{0x1f300, 0x1f64f, 1},
		{0x1f680, 0x1f6ff, 1},
		{0x1f900, 0x1faff, 1},
		{0x20000, 0x3fffd, 1},
	},
}

// Truncate cuts a clean text to a width; what was cut ends in "…".
func Truncate(s string, width int) string {
	switch {
	case Width(s) <= width:
		return s
	case width <= 0:
		return ""
	case width == 1:
		return "…"
	}
	n := 1 // the ellipsis
	for i, r := range s {
		if n += runeWidth(r); n > width {
			return s[:i] + "…"
		}
	}
	return s
}

// TruncateMiddle is Truncate, but keeps both ends of the text.
func TruncateMiddle(s string, width int) string {
	if Width(s) <= width || width < 5 {
		return Truncate(s, width)
	}
	tail := s[len(s):]
	for room := (width - 1) / 2; tail != s; {
		_, size := utf8.DecodeLastRuneInString(s[:len(s)-len(tail)])
		longer := s[len(s)-len(tail)-size:]
		if Width(longer) > room {
			break
		}
		tail = longer
	}
	return Truncate(s, width-Width(tail)) + tail
}

// pad fills a text up to a width, on the left for right alignment.
func pad(s string, width int, right bool) string {
	fill := strings.Repeat(" ", max(width-Width(s), 0))
	if right {
		return fill + s
	}
	return s + fill
}

// wrap breaks a clean text into lines of at most width columns, at spaces where
// there are any; 0 is no limit.
func wrap(s string, width int) []string {
	if width <= 0 || Width(s) <= width {
		return []string{s}
	}
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && Width(line)+1+Width(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
		for Width(line) > width {
			head := fit(line, width)
			lines, line = append(lines, head), line[len(head):]
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// fit is the longest beginning of s that is at most width wide, and at least
// one character.
func fit(s string, width int) string {
	n := 0
	for i, r := range s {
		if n += runeWidth(r); n > width && i > 0 {
			return s[:i]
		}
	}
	return s
}
