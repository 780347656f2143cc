package sched

import (
	"cmp"
	"slices"
	"strings"

	"drover.dev/api"
)

// Describe writes an expression as people say it, for example "gpu in a100|h100".
func Describe(e *api.Expression) string {
	s := e.Key + " " + string(e.Op)
	if len(e.Values) > 0 {
		s += " " + strings.Join(e.Values, "|")
	}
	return s
}

// DescribeTaint writes a taint as key=value:effect.
func DescribeTaint(t api.Taint) string {
	s := t.Key
	if t.Value != "" {
		s += "=" + t.Value
	}
	return s + ":" + string(t.Effect)
}

// DescribeAccelerator writes a request, for example "0.5 gpu a100|h100".
func DescribeAccelerator(a *api.Accelerator) string {
	s := a.Count.String() + " " + a.Kind
	if len(a.Models) > 0 {
		s += " " + strings.Join(a.Models, "|")
	}
	return s
}

func joinOr[T ~string](list []T) string {
	var b strings.Builder
	for i, v := range list {
		if i > 0 {
			b.WriteString(" or ")
		}
		b.WriteString(string(v))
	}
	return b.String()
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	if len(m) == 0 {
		return nil
	}
	out := make([]K, 0, len(m))
	for k := range m { // order-free: sorted below
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
