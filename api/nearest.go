package api

import "strings"

// Nearest returns the known name that name was most likely meant to be, or ""
// when none is near: at most one edit in three letters, letter case apart.
func Nearest(name string, known []string) string {
	if name == "" || len(name) > 64 {
		return ""
	}
	small := []rune(strings.ToLower(name))
	best, least := "", max(1, len(small)/3)+1
	for _, k := range known {
		if strings.EqualFold(name, k) {
			return k
		}
		if d := editDistance(small, []rune(strings.ToLower(k)), least); d < least {
			best, least = k, d
		}
		if best == "" && len(name) >= 3 && len(k) > len(name) && strings.EqualFold(name, k[:len(name)]) {
			best = k
		}
	}
	return best
}

// editDistance counts insertions, deletions, replacements and swaps of
// neighbours between a and b, and gives up above limit: the optimal
// string alignment distance (Damerau 1964, A technique for computer detection
// and correction of spelling errors).
func editDistance(a, b []rune, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least > limit {
			return least
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// didYouMean ends a message about an unknown name: with the nearest known one,
// otherwise with all of them.
func didYouMean(name string, known []string) string {
	if k := Nearest(name, known); k != "" {
		return "; did you mean " + k + "?"
	}
	return "; choose one of " + strings.Join(known, ", ")
}
