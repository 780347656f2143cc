// Package artifact keeps bytes under the name of their content.
//
// An artifact is named by the SHA-256 of its bytes, so a name can be checked
// by whoever holds the bytes, two equal artifacts are one file, and a stored
// artifact never changes. [Files] is the store of a server, [Cache] the store
// of a node: the same files, with a cap and the least recently used evicted.
package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"
)

// Digest names an artifact: "sha256:" and 64 lower-case hexadecimal digits.
// The empty Digest means "not known yet" and names nothing.
type Digest string

const scheme = "sha256:"

// Parse reads a digest and refuses everything but its one canonical form, so
// that a Digest that came from Parse is always safe inside a file name.
func Parse(s string) (Digest, error) {
	digits, ok := strings.CutPrefix(s, scheme)
	if !ok || len(digits) != 2*sha256.Size {
		return "", fmt.Errorf("%.80q is not a digest: want sha256: and 64 hexadecimal digits", s)
	}
	for _, c := range []byte(digits) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", fmt.Errorf("%.80q is not a digest: %q is not a lower-case hexadecimal digit", s, c)
		}
	}
	return Digest(s), nil
}

// Of names the given bytes.
func Of(b []byte) Digest {
	sum := sha256.Sum256(b)
	return Digest(scheme + hex.EncodeToString(sum[:]))
}

// Hex gives the 64 digits without the scheme.
func (d Digest) Hex() string { return strings.TrimPrefix(string(d), scheme) }

func digestOf(h hash.Hash) Digest { return Digest(scheme + hex.EncodeToString(h.Sum(nil))) }

// Info describes a stored artifact.
type Info struct {
	Size     int64     // bytes
	Modified time.Time // when it was last put, or last opened in a Cache
}

// Store keeps artifacts. Implementations are safe for concurrent use.
type Store interface {
	// Put stores what r gives and returns its name and its size in bytes.
	// With a non-empty want, other content is refused with a *MismatchError
	// and nothing stays. A nil error means that the artifact survives a loss
	// of power.
	Put(ctx context.Context, r io.Reader, want Digest) (Digest, int64, error)
	// Open gives the bytes and their number. The reader stays good when the
	// artifact is deleted meanwhile. ErrNotFound when there is none.
	Open(ctx context.Context, d Digest) (io.ReadSeekCloser, int64, error)
	// Stat describes the artifact without reading it, or gives ErrNotFound.
	Stat(ctx context.Context, d Digest) (Info, error)
	// Delete forgets the artifact; one that is not there is no error.
	Delete(ctx context.Context, d Digest) error
}

var (
	// ErrNotFound says that the store holds no such artifact.
	ErrNotFound = errors.New("artifact not found")
	// ErrNoSpace says that the disk is full; what was written is removed.
	ErrNoSpace = errors.New("no space left for artifacts: free some disk or remove artifacts")
	// ErrUnavailable says that the store cannot be asked at the moment.
	ErrUnavailable = errors.New("the artifact store does not answer at the moment, try again")
	// ErrInUse says that another process holds the directory.
	ErrInUse = errors.New("the artifact directory is used by another process")
)

// A MismatchError says that the content is not what its name promises.
type MismatchError struct{ Want, Got Digest }

func (e *MismatchError) Error() string {
	return fmt.Sprintf("artifact content does not match its digest: want %s, got %s", e.Want, e.Got)
}

// A TooLargeError says that an artifact is larger than Limit bytes.
type TooLargeError struct{ Limit int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("artifact is larger than the limit of %d bytes", e.Limit)
}
