package series

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// tier is one resolution: its files, and the bucket that is open.
type tier struct {
	Tier
	dir   string
	share int64 // bytes that its files may have
	list  []*segment
	file  *os.File // of the last segment; nil: a new one is to be begun
	ids   map[*entry]uint64

	open int64 // begin of the open bucket, in steps; 0: none
	acc  map[*entry]Point
}

// segments of a tier, so that the oldest one to go is a small part of it.
const perTier = 8

func openTier(dir string, t Tier, share int64) (*tier, error) {
	out := &tier{Tier: t, dir: dir, share: share, acc: map[*entry]Point{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of a series store: %w", err)
	}
	var err error
	out.list, err = listSegments(dir)
	return out, err
}

// scan reads all segments, the oldest first, cuts what is torn and tells seen of
// every bucket. What is written from now on goes into a new segment.
func (t *tier) scan(seen func(at int64, rows []row)) error {
	for _, g := range t.list {
		whole, err := readSegment(g.path, -1, int64(t.Step), picking{}, func(at int64, rows []row) {
			g.saw(at)
			seen(at, rows)
		})
		if err != nil {
			return fmt.Errorf("read a segment of a series store: %w", err)
		}
		if info, err := os.Stat(g.path); err == nil && info.Size() > whole {
			if err := os.Truncate(g.path, whole); err != nil {
				return fmt.Errorf("cut the torn end of a segment of a series store: %w", err)
			}
		}
		g.size = whole
	}
	return nil
}

func (g *segment) saw(at int64) {
	if g.first == 0 {
		g.first = at
	}
	g.first, g.last = min(g.first, at), max(g.last, at)
}

// newest is the begin of the newest bucket on disk, in steps.
func (t *tier) newest() (at int64) {
	for _, g := range t.list {
		at = max(at, g.last)
	}
	return at
}

// oldest is the begin of the oldest bucket on disk, or of the open one, in steps.
func (t *tier) oldest() (at int64) {
	at = t.open
	for _, g := range t.list {
		if g.first > 0 && (at == 0 || g.first < at) {
			at = g.first
		}
	}
	return at
}

// write appends the open bucket to the newest segment. A bucket that cannot be
// written is lost: the next one is tried again.
func (t *tier) write() error {
	if err := t.ready(); err != nil {
		return err
	}
	g := t.list[len(t.list)-1]
	buf, ids := t.encode()
	if _, err := t.file.WriteAt(buf, g.size); err != nil {
		_ = t.file.Truncate(g.size) // a torn end is cut at the next start as well
		return fmt.Errorf("write a bucket of %v: %w", t.Step, err)
	}
	for e, id := range ids { // order-free: each for itself
		t.ids[e] = id
	}
	g.size += int64(len(buf))
	g.saw(t.open)
	return nil
}

// encode gives the frames of the open bucket, and the numbers of series that are new
// to the segment.
func (t *tier) encode() (buf []byte, fresh map[*entry]uint64) {
	entries := make([]*entry, 0, len(t.acc))
	for e := range t.acc {
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b *entry) int { return cmp.Compare(a.name, b.name) })
	fresh = map[*entry]uint64{}
	body := binary.AppendUvarint([]byte{frameBucket}, uint64(t.open))
	for _, e := range entries {
		id, ok := t.ids[e]
		if !ok {
			id = uint64(len(t.ids) + len(fresh))
			fresh[e] = id
			buf = append(buf, frame(encodeName(id, e.kind, e.name))...)
		}
		body = appendPoint(body, id, t.acc[e])
	}
	return append(buf, frame(body)...), fresh
}

// ready has a segment open for writing, and lets old ones go.
func (t *tier) ready() error {
	if t.file != nil {
		g := t.list[len(t.list)-1]
		spans := time.Duration(t.open-g.first) * t.Step
		if g.size < t.share/perTier && (g.first == 0 || spans >= 0 && spans < t.Keep/perTier) {
			return nil
		}
		if err := t.seal(); err != nil {
			return err
		}
	}
	if err := t.begin(); err != nil {
		return err
	}
	return t.prune()
}

func (t *tier) begin() error {
	n := uint64(1)
	if len(t.list) > 0 {
		n = t.list[len(t.list)-1].n + 1
	}
	g := &segment{path: filepath.Join(t.dir, fmt.Sprintf("%012d%s", n, segmentSuffix)), n: n, size: int64(len(segmentHead))}
	f, err := os.OpenFile(g.path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		if _, err = f.WriteAt([]byte(segmentHead), 0); err != nil {
			err = errors.Join(err, f.Close(), os.Remove(g.path))
		}
	}
	if err != nil {
		return fmt.Errorf("begin a segment of a series store: %w", err)
	}
	t.file, t.list, t.ids = f, append(t.list, g), map[*entry]uint64{}
	return nil
}

// prune removes segments that are too old, or too many bytes; never the newest.
func (t *tier) prune() error {
	sum := int64(0)
	for _, g := range t.list {
		sum += g.size
	}
	old := t.open - int64(t.Keep/t.Step)
	for len(t.list) > 1 && (t.list[0].last < old || sum > t.share) {
		g := t.list[0]
		if err := os.Remove(g.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove an old segment of a series store: %w", err)
		}
		sum -= g.size
		t.list = t.list[1:]
	}
	return nil
}

func (t *tier) sync() error {
	if t.file == nil {
		return nil
	}
	return t.file.Sync()
}

// seal ends the segment that is written to.
func (t *tier) seal() error {
	if t.file == nil {
		return nil
	}
	err := errors.Join(t.file.Sync(), t.file.Close())
	t.file, t.ids = nil, nil
	return err
}
