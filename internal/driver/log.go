package driver

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Stream names one of the two outputs of a task.
type Stream string

// The streams of a task.
const (
	Stdout Stream = "stdout"
	Stderr Stream = "stderr"
)

// A stream is kept in segments, logs/stdout.0.log, logs/stdout.2621440.log
// and so on, each named by the offset of its first byte in the whole stream.
// The first segment and the last three stay; what lay between is removed, and
// the names tell how much that was. So the disk never fills, the beginning
// and the end can always be read, and an offset means the same for ever.
const segments = 4

// LogWriter keeps one stream of a task. It never fails: what cannot be kept
// is counted, and the task goes on.
type LogWriter struct {
	dir     string
	stream  Stream
	segment int64 // bytes of one segment

	mu      sync.Mutex
	file    *os.File
	starts  []int64 // of the segments on disk
	offset  int64   // of the next byte
	dropped int64
}

// NewLogWriter keeps at most limit bytes of a stream below dir, which is a
// Spec.Dir whose Logs exists. Limits below MinLog count as MinLog.
func NewLogWriter(dir string, s Stream, limit int64) *LogWriter {
	return &LogWriter{dir: dir, stream: s, segment: max(limit, MinLog) / segments}
}

// Write implements io.Writer and always takes everything.
func (w *LogWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for rest := p; len(rest) > 0; {
		n := min(w.room(), int64(len(rest)))
		w.put(rest[:n])
		rest = rest[n:]
	}
	return len(p), nil
}

// room gives the bytes that the present segment still takes, above zero.
func (w *LogWriter) room() int64 {
	if len(w.starts) > 0 {
		if left := w.starts[len(w.starts)-1] + w.segment - w.offset; left > 0 {
			return left
		}
	}
	w.next()
	return w.segment
}

func (w *LogWriter) next() {
	if w.file != nil {
		w.file.Close()
	}
	// The path is new, so whatever a task planted there is not written to.
	w.file, _ = os.OpenFile(segmentPath(w.dir, w.stream, w.offset), os.O_CREATE|os.O_EXCL|os.O_WRONLY|syscall.O_NOFOLLOW, 0o644)
	w.starts = append(w.starts, w.offset)
	if len(w.starts) > segments {
		w.remove(w.starts[1])
		w.starts = slices.Delete(w.starts, 1, 2)
	}
}

func (w *LogWriter) remove(start int64) {
	path := segmentPath(w.dir, w.stream, start)
	if info, err := os.Lstat(path); err == nil && os.Remove(path) == nil {
		w.dropped += info.Size()
	}
}

func (w *LogWriter) put(p []byte) {
	n := 0
	if w.file != nil {
		n, _ = w.file.Write(p)
	}
	if n < len(p) { // the rest of the segment would stand at a wrong offset
		w.dropped += int64(len(p) - n)
		w.file = closed(w.file)
	}
	w.offset += int64(len(p))
}

func closed(f *os.File) *os.File {
	if f != nil {
		f.Close()
	}
	return nil
}

// Close ends the stream and tells how many of its bytes were not kept.
func (w *LogWriter) Close() (dropped int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.file = closed(w.file)
	return w.dropped
}

func segmentPath(dir string, s Stream, start int64) string {
	return filepath.Join(dir, Logs, segmentName(s, start))
}

func segmentName(s Stream, start int64) string { return fmt.Sprintf("%s.%d.log", s, start) }

// ReadLog reads a stream of the task in dir from offset on, while the task
// runs or later. It fills p with n bytes that begin at offset from; from is
// larger than offset where the bytes between were dropped. It returns io.EOF
// when nothing is there yet beyond offset.
func ReadLog(dir string, s Stream, offset int64, p []byte) (n int, from int64, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, offset, fmt.Errorf("read log: %w", err)
	}
	defer root.Close()
	starts, err := logSegments(root, s)
	if err != nil {
		return 0, offset, fmt.Errorf("read log of %s: %w", dir, err)
	}
	for i, start := range starts {
		if i+1 < len(starts) && starts[i+1] <= offset {
			continue
		}
		from = max(offset, start)
		n, err = readSegment(root, s, start, from, p)
		if n > 0 || (err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, fs.ErrNotExist)) {
			return n, from, err
		}
	}
	return 0, offset, io.EOF
}

func readSegment(root *os.Root, s Stream, start, from int64, p []byte) (int, error) {
	f, err := root.OpenFile(Logs+"/"+segmentName(s, start), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return 0, io.EOF
	}
	n, err := f.ReadAt(p, from-start)
	if n > 0 {
		err = nil
	}
	return n, err
}

func logSegments(root *os.Root, s Stream) ([]int64, error) {
	entries, err := fs.ReadDir(root.FS(), Logs)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var starts []int64
	for _, e := range entries {
		middle, ok := strings.CutPrefix(e.Name(), string(s)+".")
		middle, isLog := strings.CutSuffix(middle, ".log")
		if start, err := strconv.ParseInt(middle, 10, 64); ok && isLog && err == nil && start >= 0 {
			starts = append(starts, start)
		}
	}
	slices.Sort(starts)
	return starts, err
}
