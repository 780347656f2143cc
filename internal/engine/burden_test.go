package engine

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestBurdens: nodes whose load changes stand in order, whatever comes and goes.
func TestBurdens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r burdens
		is := map[string]burden{}
		for range rapid.IntRange(0, 1500).Draw(t, "changes") {
			x := burden{rapid.Int64Range(0, 20).Draw(t, "share"), rapid.Int64Range(0, 2).Draw(t, "thirst"), fmt.Sprint("n", rapid.IntRange(0, 900).Draw(t, "node"))}
			if x.share == 20 {
				r.drop(x.name)
				delete(is, x.name)
			} else {
				r.put(x)
				is[x.name] = x
			}
		}
		var want []burden
		for _, x := range is {
			want = append(want, x)
		}
		slices.SortFunc(want, burden.before)
		from := burden{share: rapid.Int64Range(-1, 20).Draw(t, "from"), thirst: 1, name: "n4"}
		want = slices.DeleteFunc(want, func(x burden) bool { return x.before(from) <= 0 })
		most := rapid.IntRange(0, 1000).Draw(t, "most")
		want = want[:min(len(want), most)]
		if got := r.behind(from, most); !slices.Equal(got, want) {
			t.Fatalf("behind %v stand %v, want %v", from, got, want)
		}
	})
}
