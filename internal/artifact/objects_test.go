package artifact

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"drover.dev/internal/bus"
)

// bucket is a connection to a NATS server of the test's own.
func bucket(t *testing.T) *nats.Conn {
	t.Helper()
	s, err := bus.Start(t.Context(), bus.Options{StoreDir: t.TempDir(), Unsynced: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	nc, err := bus.Connect(t.Context(), bus.Dial{Server: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func objects(t *testing.T, nc *nats.Conn, o Options) *Objects {
	t.Helper()
	files, err := OpenFiles(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := OpenObjects(t.Context(), nc, "test", 1, files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Every store keeps these promises.
func TestStores(t *testing.T) {
	nc := bucket(t)
	for name, s := range map[string]Store{
		"files":   open(t, t.TempDir(), Options{MaxSize: 2 << 20}),
		"objects": objects(t, nc, Options{MaxSize: 2 << 20}),
	} {
		t.Run(name, func(t *testing.T) {
			large := strings.Repeat("0123456789abcdef", 100_000) // several chunks
			for _, content := range []string{"", "small", large} {
				d := put(t, s, content)
				if put(t, s, content) != d || read(t, s, d) != content {
					t.Errorf("%d bytes read back different", len(content))
				}
				if info, err := s.Stat(t.Context(), d); err != nil || info.Size != int64(len(content)) || time.Since(info.Modified) > time.Minute {
					t.Errorf("stat of %d bytes: %+v, %v", len(content), info, err)
				}
			}
			absent := Of([]byte("absent"))
			if _, err := s.Stat(t.Context(), absent); !errors.Is(err, ErrNotFound) {
				t.Errorf("stat of what is not there: %v", err)
			}
			if _, _, err := s.Open(t.Context(), absent); !errors.Is(err, ErrNotFound) {
				t.Errorf("open of what is not there: %v", err)
			}
			var mismatch *MismatchError
			if _, _, err := s.Put(t.Context(), strings.NewReader("other"), absent); !errors.As(err, &mismatch) {
				t.Errorf("other content: %v", err)
			}
			var tooLarge *TooLargeError
			if _, _, err := s.Put(t.Context(), bytes.NewReader(make([]byte, 3<<20)), ""); !errors.As(err, &tooLarge) {
				t.Errorf("too much content: %v", err)
			}
			if _, err := s.Stat(t.Context(), "sha256:../../etc/passwd"); err == nil || errors.Is(err, ErrNotFound) {
				t.Errorf("a name that is no digest: %v", err)
			}
			d := put(t, s, "to be deleted")
			r, _, err := s.Open(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if err := errors.Join(s.Delete(t.Context(), d), s.Delete(t.Context(), d)); err != nil {
				t.Error(err)
			}
			if b, err := io.ReadAll(r); err != nil || string(b) != "to be deleted" {
				t.Errorf("an open reader gives %q, %v after the deletion", b, err)
			}
			if _, err := s.Stat(t.Context(), d); !errors.Is(err, ErrNotFound) {
				t.Errorf("stat of what was deleted: %v", err)
			}
		})
	}
}

// What one server stores another one serves, also when its own file was damaged
// or lost.
func TestObjectsAreShared(t *testing.T) {
	nc := bucket(t)
	one, two := objects(t, nc, Options{}), objects(t, nc, Options{})
	d := put(t, one, "shared")
	if got := read(t, two, d); got != "shared" {
		t.Errorf("the other server reads %q", got)
	}
	path, err := two.Path(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := read(t, two, d); got != "shared" {
		t.Errorf("after the loss of its file the other server reads %q", got)
	}
}

// A bucket whose content was altered gives an error, never other bytes.
func TestAlteredObjectsAreNotServed(t *testing.T) {
	nc := bucket(t)
	one, two := objects(t, nc, Options{}), objects(t, nc, Options{})
	d := put(t, one, "what was put")
	if _, err := one.bucket.PutBytes(t.Context(), d.Hex(), []byte("what is there")); err != nil {
		t.Fatal(err)
	}
	var mismatch *MismatchError
	if _, _, err := two.Open(t.Context(), d); !errors.As(err, &mismatch) {
		t.Errorf("got %v, want a mismatch", err)
	}
}

func TestTheBucketIsSwept(t *testing.T) {
	s := objects(t, bucket(t), Options{})
	kept, old, renewed := put(t, s, "kept"), put(t, s, "old"), put(t, s, "renewed")
	before := time.Now()
	put(t, s, "renewed")
	swept, err := s.SweepBucket(t.Context(), func(d Digest) bool { return d == kept }, before)
	if err != nil || swept.Artifacts != 1 || swept.Bytes != 3 {
		t.Errorf("swept %+v, %v; want 1 artifact of 3 bytes", swept, err)
	}
	for _, d := range []Digest{kept, renewed} {
		if _, err := s.Stat(t.Context(), d); err != nil {
			t.Errorf("what must stay: %v", err)
		}
	}
	if _, err := s.Stat(t.Context(), old); !errors.Is(err, ErrNotFound) {
		t.Errorf("what must go: %v", err)
	}
}

// Without the bucket nothing is said of an artifact, least of all that it is not
// there.
func TestABucketOutOfReach(t *testing.T) {
	nc := bucket(t)
	s := objects(t, nc, Options{})
	d := Digest("sha256:" + strings.Repeat("0", 64))
	nc.Close()
	if _, err := s.Stat(t.Context(), d); !errors.Is(err, ErrUnavailable) {
		t.Errorf("stat gives %v", err)
	}
	if _, _, err := s.Put(t.Context(), strings.NewReader("more"), ""); !errors.Is(err, ErrUnavailable) {
		t.Errorf("put gives %v", err)
	}
	if err := s.Delete(t.Context(), d); !errors.Is(err, ErrUnavailable) {
		t.Errorf("delete gives %v", err)
	}
}
