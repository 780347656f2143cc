//go:build !unix

package live

import (
	"fmt"
	"os"
)

// lockFile opens the file; the embedded bus and the artifact store hold locks of
// their own.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	return f, nil
}
