package series

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A segment is a file: a head, then frames. A frame is its length and checksum
// (CRC-32C), four bytes each, little-endian, and a body: a name, or a bucket of all
// series that have a value in it.
const (
	segmentHead = "drover series 1\n"
	frameHead   = 8
	maxFrame    = 16 << 20
	frameName   = 1 // number in this segment, kind, name
	frameBucket = 2 // begin in steps, then for each series: number, values
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// segment is one file of a tier.
type segment struct {
	path  string
	n     uint64 // its number: they rise
	size  int64  // of what is whole
	first int64  // begin of the first bucket, in steps; 0 with none
	last  int64  // of the newest one
}

// row is the values of one series in a bucket that is read.
type row struct {
	name string
	kind Kind
	Point
}

// picking is what of a segment is wanted: buckets from a number on, of the series that want
// picks; nil is all. The rest is passed over without being taken apart.
type picking struct {
	from int64
	want func(name string) bool
}

// named is a series of a segment.
type named struct {
	row
	wanted bool
}

// readSegment gives every whole bucket of a file that is wanted, in the order of writing,
// up to size bytes; size below 0 is all. The result is how many bytes are whole.
func readSegment(path string, size int64, step int64, pick picking, bucket func(at int64, rows []row)) (whole int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close() // only read
	var r io.Reader = f
	if size >= 0 {
		r = io.LimitReader(f, size)
	}
	in := bufio.NewReaderSize(r, 64<<10)
	head := make([]byte, len(segmentHead))
	if _, err := io.ReadFull(in, head); err != nil || string(head) != segmentHead {
		return 0, nil // it was never begun
	}
	whole = int64(len(head))
	names := map[uint64]named{}
	var body []byte
	var rows []row
	for {
		if body, err = readFrame(in, body); err != nil {
			return whole, nil // the end, or torn there
		}
		switch {
		case len(body) == 0:
			return whole, nil
		case body[0] == frameName:
			id, r, ok := decodeName(body[1:])
			if !ok {
				return whole, nil
			}
			names[id] = named{r, pick.want == nil || pick.want(r.name)}
		case body[0] == frameBucket:
			at, list, ok := decodeBucket(body[1:], names, rows[:0], step, pick.from)
			if !ok {
				return whole, nil
			}
			if rows = list; at >= pick.from {
				bucket(at, rows)
			}
		}
		whole += int64(frameHead + len(body))
	}
}

var errTorn = errors.New("torn")

func readFrame(in io.Reader, buf []byte) ([]byte, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return buf, errTorn
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n == 0 || n > maxFrame {
		return buf, errTorn
	}
	buf = slices.Grow(buf[:0], int(n))[:n]
	if _, err := io.ReadFull(in, buf); err != nil || crc32.Checksum(buf, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return buf, errTorn
	}
	return buf, nil
}

// frame puts a head before a body.
func frame(body []byte) []byte {
	out := make([]byte, frameHead, frameHead+len(body))
	binary.LittleEndian.PutUint32(out, uint32(len(body)))
	binary.LittleEndian.PutUint32(out[4:], crc32.Checksum(body, castagnoli))
	return append(out, body...)
}

func encodeName(id uint64, k Kind, name string) []byte {
	b := binary.AppendUvarint([]byte{frameName}, id)
	return append(append(b, byte(k)), name...)
}

func decodeName(b []byte) (id uint64, r row, ok bool) {
	id, n := binary.Uvarint(b)
	if n <= 0 || len(b) < n+2 || b[n] > byte(Count) {
		return 0, r, false
	}
	r = row{name: string(b[n+1:]), kind: Kind(b[n])}
	return id, r, ValidName(r.name)
}

// Ways to write a number: what is whole, as most are, takes few bytes.
const (
	wayWhole = iota // zigzag
	wayFloat        // eight bytes
)

func appendNumber(b []byte, v float64) []byte {
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		return binary.AppendVarint(append(b, wayWhole), int64(v))
	}
	return binary.LittleEndian.AppendUint64(append(b, wayFloat), math.Float64bits(v))
}

// reader takes numbers off a body; bad is set at its end.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) number() float64 {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	way := r.b[0]
	r.b = r.b[1:]
	if way == wayWhole {
		v, n := binary.Varint(r.b)
		if n <= 0 {
			r.bad, r.b = true, nil
			return 0
		}
		r.b = r.b[n:]
		return float64(v)
	}
	if way != wayFloat || len(r.b) < 8 {
		r.bad, r.b = true, nil
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.b))
	r.b = r.b[8:]
	return v
}

// appendPoint writes a bucket of one series: one value by itself, more with their
// least and largest.
func appendPoint(b []byte, id uint64, p Point) []byte {
	b = binary.AppendUvarint(binary.AppendUvarint(b, id), p.N)
	b = appendNumber(b, p.Sum)
	if p.N > 1 {
		b = appendNumber(appendNumber(b, p.Min), p.Max)
	}
	return b
}

// decodeBucket appends the rows that are wanted; of a bucket before from there are none.
func decodeBucket(b []byte, names map[uint64]named, rows []row, step, from int64) (at int64, list []row, ok bool) {
	r := reader{b: b}
	at = int64(r.uvarint())
	if r.bad || at > math.MaxInt64/step {
		return 0, rows, false
	}
	if at < from {
		return at, rows, true
	}
	for len(r.b) > 0 {
		one, known := names[r.uvarint()]
		one.N, one.Sum = r.uvarint(), r.number()
		one.Min, one.Max = one.Sum, one.Sum
		if one.N > 1 {
			one.Min, one.Max = r.number(), r.number()
		}
		if r.bad || !known {
			return 0, rows, false
		}
		if one.wanted {
			rows = append(rows, one.row)
		}
	}
	return at, rows, true
}

const segmentSuffix = ".seg"

// listSegments gives the files of a tier's folder, the oldest first.
func listSegments(dir string) ([]*segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the segments of a series store: %w", err)
	}
	var out []*segment
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), segmentSuffix)
		n, err := strconv.ParseUint(base, 10, 64)
		if !ok || err != nil {
			continue // not ours
		}
		out = append(out, &segment{path: filepath.Join(dir, e.Name()), n: n})
	}
	slices.SortFunc(out, func(a, b *segment) int { return int(int64(a.n) - int64(b.n)) })
	return out, nil
}
