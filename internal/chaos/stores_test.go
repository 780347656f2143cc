package chaos

import (
	"slices"
	"testing"
)

// TestLateAppendWaitsForMajority: an append that nobody waits for any more gets to the
// journal no more easily than one that is waited for. Else a record stood on a single
// disk, was read there and thereby acknowledged, and was gone with that disk.
func TestLateAppendWaitsForMajority(t *testing.T) {
	for _, c := range []struct {
		name    string
		ills    [stores]ills
		full    bool
		arrives bool
	}{
		{name: "all is well", arrives: true},
		{name: "one disk is full", ills: [...]ills{full, 0, 0}, arrives: true},
		{name: "one machine is cut off", ills: [...]ills{0, cut, 0}, arrives: true},
		{name: "one disk lies", ills: [...]ills{0, 0, lying}, arrives: true},
		{name: "one disk is full, another one cut off", ills: [...]ills{full, 0, cut}},
		{name: "two disks are full", ills: [...]ills{full, full, 0}},
		{name: "all disks are full", ills: [...]ills{full, full, full}},
		{name: "the journal is full", full: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := &record{}
			next := &record{parent: root}
			next.mark.N, next.mark.Seq = 1, 1
			x := &run{in: &Instance{}, world: &world{tail: root, full: c.full, late: []*record{next}}}
			for _, i := range c.ills {
				x.stores = append(x.stores, store{ills: i, has: root, safe: root})
			}
			if got := slices.Contains(x.moves(), move{kind: mArriveLate}); got != c.arrives {
				t.Fatalf("it arrives: %v, not %v", got, c.arrives)
			}
			if c.full {
				return
			}
			x.tail = next
			if x.write(); (x.fault == "") != c.arrives {
				t.Errorf("written nevertheless, it violates %q", x.fault)
			}
		})
	}
}
