package artifact

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func openCache(t *testing.T, dir string, capacity int64) *Cache {
	t.Helper()
	c, err := OpenCache(dir, capacity, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func has(t *testing.T, s Store, d Digest) bool {
	t.Helper()
	_, err := s.Stat(t.Context(), d)
	if err != nil && !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

func TestCacheEvictsTheLeastRecentlyUsed(t *testing.T) {
	c := openCache(t, t.TempDir(), 12)
	a, b, d := put(t, c, "aaaa"), put(t, c, "bbbb"), put(t, c, "dddd")
	read(t, c, a)
	e := put(t, c, "eeee")
	if has(t, c, b) || !has(t, c, a) || !has(t, c, d) || !has(t, c, e) {
		t.Error("want b evicted and nothing else")
	}
	if c.Size() != 12 {
		t.Errorf("size %d, want 12", c.Size())
	}
}

func TestCacheKeepsThePinned(t *testing.T) {
	c := openCache(t, t.TempDir(), 8)
	a := put(t, c, "aaaa")
	release, err := c.Pin(a)
	if err != nil {
		t.Fatal(err)
	}
	b := put(t, c, "bbbb")
	put(t, c, "cccc")
	if !has(t, c, a) || has(t, c, b) {
		t.Error("want the pinned kept and the other evicted")
	}
	if _, _, err := c.Put(t.Context(), strings.NewReader("fives"), ""); !errors.Is(err, ErrCacheFull) {
		t.Errorf("no room: %v", err)
	}
	if !has(t, c, a) || c.Size() > 8 {
		t.Errorf("after the refusal: %d bytes", c.Size())
	}
	release()
	release() // twice is once
	put(t, c, "fives")
	if has(t, c, a) {
		t.Error("released and oldest, yet kept")
	}
	if _, err := c.Pin(a); !errors.Is(err, ErrNotFound) {
		t.Errorf("pin of the evicted: %v", err)
	}
}

func TestCacheRefusesWhatNeverFits(t *testing.T) {
	c := openCache(t, t.TempDir(), 4)
	keep := put(t, c, "keep")
	var tooLarge *TooLargeError
	if _, _, err := c.Put(t.Context(), strings.NewReader("fives"), ""); !errors.As(err, &tooLarge) {
		t.Errorf("got %v", err)
	}
	if !has(t, c, keep) {
		t.Error("evicted for nothing")
	}
	if _, err := OpenCache(t.TempDir(), 0, Options{}); err == nil {
		t.Error("a cache without capacity was opened")
	}
}

func TestCacheRemembersItsOrder(t *testing.T) {
	dir := t.TempDir()
	c := openCache(t, dir, 8)
	a, b := put(t, c, "aaaa"), put(t, c, "bbbb")
	for d, age := range map[Digest]time.Duration{a: 1 * time.Hour, b: 2 * time.Hour} {
		if err := c.files.touch(d, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	c = openCache(t, dir, 8)
	put(t, c, "cccc")
	if !has(t, c, a) || has(t, c, b) {
		t.Error("the older one must go first after a restart")
	}
	c.Close()
	if c = openCache(t, dir, 4); c.Size() > 4 {
		t.Errorf("a smaller capacity holds %d bytes", c.Size())
	}
}
