package sched

import (
	"testing"

	"pgregory.net/rapid"
)

// What a search looks at first passes over no node that has room, whatever a node's
// size; and eight nodes compared at once are each compared as if alone.
func TestSketchMissesNoRoom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.OneOf(rapid.Int32(), rapid.Int32Range(-2, 300), rapid.Int32Range(0, 64_000))
		draw := func(name string) room {
			return room{amount.Draw(t, name), amount.Draw(t, name), amount.Draw(t, name)}
		}
		whole, need := draw("whole"), draw("need")
		wanted := need.in(&whole)
		wide := wanted.wide()
		var k sketch
		var list []room
		for range rapid.IntRange(1, blockSize-1).Draw(t, "nodes") {
			free := draw("free")
			at := rapid.IntRange(0, len(list)).Draw(t, "at")
			k.insert(at, free.in(&whole))
			list = append(list[:at], append([]room{free}, list[at:]...)...)
		}
		if at := rapid.IntRange(0, len(list)).Draw(t, "gone"); at < len(list) {
			k.remove(at)
			list = append(list[:at], list[at+1:]...)
		}
		from := rapid.IntRange(0, blockSize-1).Draw(t, "from")
		found := k.next(from, &wide)
		some, most := k.sum(len(list))
		for i, free := range list {
			l := free.in(&whole)
			no := l.cpu < wanted.cpu || l.memory < wanted.memory || l.devices < wanted.devices
			if no && free.holds(&need) {
				t.Fatalf("%v has room for %v, but levels %v, asked for are %v", free, need, l, wanted)
			}
			if i >= from && (i < found && !no || i == found && no) {
				t.Fatalf("the first of %v from %d for %v is %d", list, from, need, found)
			}
			if free.holds(&need) && (some&wanted.needs() == 0 || most.or(wanted) != most) {
				t.Fatalf("%v does not count for %v", free, need)
			}
		}
	})
}
