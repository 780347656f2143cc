//go:build !unix

package bus

import (
	"math"
	"os"
)

// lockDir takes no lock where the system has no flock.
func lockDir(string) (*os.File, error) { return nil, nil }

func unlockDir(*os.File) {}

// free is not known here; the stream's own limits still hold.
func free(string) (uint64, error) { return math.MaxUint64, nil }
