//go:build unix

package agent

import (
	"math"

	"drover.dev/api"
	"golang.org/x/sys/unix"
)

// freeDisk is how many bytes this user may still write below dir.
func freeDisk(dir string) api.Bytes {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return 0
	}
	return api.Bytes(min(uint64(s.Bavail)*uint64(s.Bsize), math.MaxInt64))
}
