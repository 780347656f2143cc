package consolidate

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"slices"
)

// Order is a way to take machines in: by the SHA-1 of their files' paths. CloudSim
// takes them as the file system lists them, which is by a hash of the names, and
// which of them is first decides the size that a VM has and where it begins. With a
// seed above 0 the hash is another one, so that the spread by order can be seen.
func Order(paths []string, seed uint64) []int {
	type keyed struct {
		key   [sha1.Size]byte
		index int
	}
	list := make([]keyed, len(paths))
	for i, p := range paths {
		if seed > 0 {
			p = fmt.Sprintf("%d/%s", seed, p)
		}
		list[i] = keyed{sha1.Sum([]byte(p)), i}
	}
	slices.SortStableFunc(list, func(a, b keyed) int { return bytes.Compare(a.key[:], b.key[:]) })
	out := make([]int, len(list))
	for i, k := range list {
		out[i] = k.index
	}
	return out
}
