package artifact

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

// TestMain looks for goroutines that stay behind. One of nats.go stays when a small
// object is stored before it has begun: it waits on a channel that is gone.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect"))
}

func open(t *testing.T, dir string, o Options) *Files {
	t.Helper()
	f, err := OpenFiles(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func put(t *testing.T, s Store, content string) Digest {
	t.Helper()
	d, n, err := s.Put(t.Context(), strings.NewReader(content), "")
	if err != nil {
		t.Fatal(err)
	}
	if n != int64(len(content)) || d != Of([]byte(content)) {
		t.Fatalf("put %q: got %s of %d bytes", content, d, n)
	}
	return d
}

func read(t *testing.T, s Store, d Digest) string {
	t.Helper()
	r, n, err := s.Open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil || int64(len(b)) != n {
		t.Fatalf("read %s: %d of %d bytes, %v", d, len(b), n, err)
	}
	return string(b)
}

// files lists what lies in the store, without its lock.
func files(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && e.Name() != "lock" {
			found = append(found, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestParse(t *testing.T) {
	good := string(Of(nil))
	for name, c := range map[string]struct {
		in string
		ok bool
	}{
		"canonical":      {good, true},
		"empty":          {"", false},
		"no scheme":      {good[7:], false},
		"other scheme":   {"sha512:" + good[7:], false},
		"upper case":     {strings.ToUpper(good), false},
		"too short":      {good[:70], false},
		"too long":       {good + "0", false},
		"traversal":      {"sha256:../../../../../../../../../../../../../../../../../../etc/pas", false},
		"NUL in between": {good[:70] + "\x00", false},
	} {
		if d, err := Parse(c.in); (err == nil) != c.ok || (c.ok && string(d) != c.in) {
			t.Errorf("%s: Parse(%q) = %q, %v", name, c.in, d, err)
		}
	}
}

func TestWhatIsPutCanBeRead(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := open(t, t.TempDir(), Options{})
		content := rapid.SliceOfN(rapid.Byte(), 0, 4096).Draw(rt, "content")
		d, n, err := f.Put(t.Context(), iotest.HalfReader(bytes.NewReader(content)), Of(content))
		if err != nil || n != int64(len(content)) {
			rt.Fatalf("put: %d bytes, %v", n, err)
		}
		if got := read(t, f, d); got != string(content) {
			rt.Fatalf("read %q, want %q", got, content)
		}
		if err := f.Verify(t.Context(), d); err != nil {
			rt.Fatal(err)
		}
	})
}

func TestRefusedContentLeavesNothing(t *testing.T) {
	broken := errors.New("link broke")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	var mismatch *MismatchError
	var tooLarge *TooLargeError
	for name, c := range map[string]struct {
		ctx  context.Context
		r    io.Reader
		want Digest
		is   func(error) bool
	}{
		"other content":  {t.Context(), strings.NewReader("b"), Of([]byte("a")), func(e error) bool { return errors.As(e, &mismatch) }},
		"too large":      {t.Context(), strings.NewReader("123456789"), "", func(e error) bool { return errors.As(e, &tooLarge) }},
		"reader fails":   {t.Context(), io.MultiReader(strings.NewReader("a"), iotest.ErrReader(broken)), "", func(e error) bool { return errors.Is(e, broken) }},
		"caller is gone": {cancelled, strings.NewReader("a"), "", func(e error) bool { return errors.Is(e, context.Canceled) }},
		"hostile digest": {t.Context(), strings.NewReader("a"), "sha256:../../x", func(e error) bool { return e != nil }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			f := open(t, dir, Options{MaxSize: 8})
			if _, _, err := f.Put(c.ctx, c.r, c.want); !c.is(err) {
				t.Errorf("put: unexpected error %v", err)
			}
			if left := files(t, dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestLimitIsInclusive(t *testing.T) {
	f := open(t, t.TempDir(), Options{MaxSize: 8})
	put(t, f, "12345678")
}

func TestMissing(t *testing.T) {
	f := open(t, t.TempDir(), Options{})
	d := Of([]byte("never put"))
	_, _, openErr := f.Open(t.Context(), d)
	_, statErr := f.Stat(t.Context(), d)
	_, pathErr := f.Path(t.Context(), d)
	for _, err := range []error{openErr, statErr, pathErr, f.Verify(t.Context(), d)} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("got %v, want ErrNotFound", err)
		}
	}
	if err := f.Delete(t.Context(), d); err != nil {
		t.Errorf("delete of nothing: %v", err)
	}
}

func TestManyPutTheSame(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, Options{})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, _, err := f.Put(t.Context(), strings.NewReader("same"), ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := files(t, dir); len(got) != 1 {
		t.Errorf("want one file, got %v", got)
	}
}

func TestReaderOutlivesDelete(t *testing.T) {
	f := open(t, t.TempDir(), Options{})
	d := put(t, f, "content")
	r, _, err := f.Open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := f.Delete(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); string(b) != "content" || err != nil {
		t.Errorf("read %q, %v", b, err)
	}
}

func TestVerifyFindsRot(t *testing.T) {
	f := open(t, t.TempDir(), Options{})
	d := put(t, f, "content")
	path, err := f.Path(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, []byte("rotten!"), 0o600)); err != nil {
		t.Fatal(err)
	}
	var mismatch *MismatchError
	if err := f.Verify(t.Context(), d); !errors.As(err, &mismatch) || mismatch.Want != d {
		t.Errorf("verify: %v", err)
	}
	put(t, f, "content") // a new put heals it
	if err := f.Verify(t.Context(), d); err != nil {
		t.Errorf("after a new put: %v", err)
	}
}

func TestSymlinksAreNotFollowed(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	f := open(t, dir, Options{})
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := put(t, f, "content")
	_, inner, path := shards(d)

	if err := errors.Join(os.Remove(filepath.Join(dir, path)), os.Symlink(secret, filepath.Join(dir, path))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Open(t.Context(), d); err == nil {
		t.Error("a link in place of an artifact was followed")
	}
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, inner)), os.Symlink(outside, filepath.Join(dir, inner))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Put(t.Context(), strings.NewReader("content"), ""); err == nil {
		t.Error("a link in place of a directory was followed")
	}
	if got := files(t, outside); len(got) != 1 {
		t.Errorf("written outside: %v", got)
	}
}

func TestOneOwner(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, Options{})
	if _, err := OpenFiles(dir, Options{}); !errors.Is(err, ErrInUse) {
		t.Errorf("second owner: %v", err)
	}
	// A process that dies leaves half a file and no lock.
	if err := errors.Join(f.Close(), os.WriteFile(filepath.Join(dir, "tmp", "half"), []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	open(t, dir, Options{})
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSweep(t *testing.T) {
	f := open(t, t.TempDir(), Options{})
	now := time.Now()
	old, live, young := put(t, f, "old one"), put(t, f, "live"), put(t, f, "young")
	for _, d := range []Digest{old, live} {
		if err := f.touch(d, now.Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := f.Sweep(func(d Digest) bool { return d == live }, now.Add(-time.Minute))
	if err != nil || s != (Swept{Artifacts: 1, Bytes: 7}) {
		t.Errorf("swept %+v, %v", s, err)
	}
	if _, err := f.Stat(t.Context(), old); !errors.Is(err, ErrNotFound) {
		t.Errorf("old: %v", err)
	}
	if read(t, f, live) != "live" || read(t, f, young) != "young" {
		t.Error("lost what must stay")
	}
}
