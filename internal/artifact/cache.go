package artifact

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// ErrCacheFull says that the pinned artifacts leave no room for another.
var ErrCacheFull = errors.New("artifact cache is full of pinned artifacts: raise its capacity or wait for tasks to end")

// Cache is a Store that holds at most a capacity of bytes and forgets the
// least recently used artifacts that nobody has pinned. While one is being
// put the disk holds it above the capacity. The order survives a restart.
type Cache struct {
	files    *Files
	capacity int64

	mu    sync.Mutex
	size  int64
	items map[Digest]*list.Element
	order list.List // of *item, most recently used first
}

type item struct {
	digest Digest
	size   int64
	pins   int
}

var _ Store = (*Cache)(nil)

// OpenCache opens or creates a cache of capacity bytes in dir, which it owns
// as OpenFiles does, and evicts what exceeds the capacity.
func OpenCache(dir string, capacity int64, o Options) (*Cache, error) {
	if capacity <= 0 {
		return nil, fmt.Errorf("open artifact cache: capacity of %d bytes is not positive", capacity)
	}
	o.MaxSize = min(cmp.Or(o.MaxSize, DefaultMaxSize), capacity)
	files, err := OpenFiles(dir, o)
	if err != nil {
		return nil, err
	}
	c := &Cache{files: files, capacity: capacity, items: map[Digest]*list.Element{}}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("open artifact cache: %w", errors.Join(err, files.Close()))
	}
	return c, nil
}

func (c *Cache) load() error {
	type found struct {
		Digest
		Info
	}
	var all []found
	if err := c.files.each(func(d Digest, i Info) error {
		all = append(all, found{d, i})
		return nil
	}); err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b found) int { return a.Modified.Compare(b.Modified) })
	for _, f := range all {
		c.add(f.Digest, f.Size)
	}
	return c.shrink()
}

// Close gives the directory up; the artifacts stay.
func (c *Cache) Close() error { return c.files.Close() }

// Put implements Store and evicts down to the capacity; the artifact that was
// put stays. ErrCacheFull when what is pinned leaves no room for it.
func (c *Cache) Put(ctx context.Context, r io.Reader, want Digest) (Digest, int64, error) {
	d, n, err := c.files.Put(ctx, r, want)
	if err != nil {
		return "", 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	it := c.add(d, n)
	it.pins++ // shrink must not take it
	err = c.shrink()
	it.pins--
	if err != nil && it.pins == 0 {
		err = errors.Join(err, c.drop(it))
	}
	if err != nil {
		return "", 0, fmt.Errorf("put artifact %s of %d bytes: %w", d, n, err)
	}
	return d, n, nil
}

// Pin keeps d from being evicted until release is called (once or more often).
// ErrNotFound when the cache does not hold it.
func (c *Cache) Pin(d Digest) (release func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[d]
	if !ok {
		return nil, fmt.Errorf("pin artifact %.80s: %w", d, ErrNotFound)
	}
	it := e.Value.(*item)
	it.pins++
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		it.pins--
	}), nil
}

// Open implements Store and counts as a use.
func (c *Cache) Open(ctx context.Context, d Digest) (io.ReadSeekCloser, int64, error) {
	c.use(d)
	return c.files.Open(ctx, d)
}

// Path is Files.Path and counts as a use; pin the artifact while it is read.
func (c *Cache) Path(ctx context.Context, d Digest) (string, error) {
	c.use(d)
	return c.files.Path(ctx, d)
}

// Stat implements Store and does not count as a use.
func (c *Cache) Stat(ctx context.Context, d Digest) (Info, error) { return c.files.Stat(ctx, d) }

// Verify is Files.Verify.
func (c *Cache) Verify(ctx context.Context, d Digest) error { return c.files.Verify(ctx, d) }

// Delete implements Store; it forgets a pinned artifact as well.
func (c *Cache) Delete(ctx context.Context, d Digest) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.items[d]; ok {
		return c.drop(e.Value.(*item))
	}
	return c.files.Delete(ctx, d)
}

// Size gives the bytes that the cache holds.
func (c *Cache) Size() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size
}

func (c *Cache) use(d Digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.items[d]; ok {
		c.order.MoveToFront(e)
		// The time only orders evictions after a restart.
		_ = c.files.touch(d, time.Now())
	}
}

func (c *Cache) add(d Digest, size int64) *item {
	if e, ok := c.items[d]; ok {
		c.order.MoveToFront(e)
		return e.Value.(*item)
	}
	it := &item{digest: d, size: size}
	c.items[d] = c.order.PushFront(it)
	c.size += size
	return it
}

func (c *Cache) drop(it *item) error {
	if e, ok := c.items[it.digest]; ok {
		c.order.Remove(e)
		delete(c.items, it.digest)
		c.size -= it.size
	}
	return c.files.Delete(context.Background(), it.digest)
}

func (c *Cache) shrink() error {
	for e := c.order.Back(); e != nil && c.size > c.capacity; {
		it := e.Value.(*item)
		e = e.Prev()
		if it.pins > 0 {
			continue
		}
		if err := c.drop(it); err != nil {
			return err
		}
	}
	if c.size > c.capacity {
		return ErrCacheFull
	}
	return nil
}
