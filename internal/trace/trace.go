// Package trace reads and writes demand: which tasks came when, what they asked
// for and how long they ran. Readers stream, so that a file of any length takes
// bounded memory, and name line and reason of what they cannot read.
package trace

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"drover.dev/api"
)

// Row is one job of a trace.
type Row struct {
	ID     string       // as the trace has it; "" where it has none
	User   string       // who submitted it; "" where nobody is named
	Submit api.Duration // on the trace's own clock; rows come in this order unless the format says otherwise
	Run    api.Duration // how long each element ran
	Count  int32        // elements that run side by side, all or none; at least 1
	Each   api.Resources
	// Estimate is what the user said of Run; 0 is nothing.
	Estimate api.Duration
	Deadline api.Duration // how long after Submit it should have ended; 0 is never
	Priority int32
	// Use is what an element used of its CPU, in thousandths of a core, at equal
	// steps from its start; nil where the trace does not tell.
	Use  []api.Milli
	Step api.Duration // of Use
	// Program names what an element runs and Size is how many bytes that has; a node
	// that ran it lately does not fetch it again. "" is nothing in particular.
	Program string
	Size    api.Bytes
	// In is how many bytes each element takes in, and Out how many it leaves behind.
	In, Out api.Bytes
}

// Reader gives the rows of a trace one after the other and io.EOF after the
// last. A [RowError] concerns one row only: reading can go on after it. A Row's
// slices are the caller's.
type Reader interface {
	Next() (Row, error)
}

// RowError says what is wrong with one row.
type RowError struct {
	Line   int // from 1
	Reason string
}

// Error says where and why.
func (e *RowError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// Format is a way in which traces are written.
type Format struct {
	Name string // as on the command line
	Doc  string // one line: what it is and who publishes it
	// Unordered says that rows do not come in the order of Submit.
	Unordered bool
	// detect looks at the first line.
	detect func(first string) bool
	open   func(l *lines) (Reader, error)
}

// Formats lists what can be read, in the order in which it is recognised.
func Formats() []Format {
	return []Format{native, gaia, openb, surf, bitbrains, azureLLM, azureFunctions, planetlab, swf}
}

// Open reads a trace that may be compressed with gzip, or a [Dir]. An empty format
// is found out from the first bytes; otherwise it is the name of one.
func Open(r io.Reader, format string) (Reader, Format, error) {
	if dir, ok := r.(Dir); ok && (format == "" || format == azureFunctions.Name) {
		reader, err := openFunctions(dir)
		if err != nil {
			return nil, Format{}, fmt.Errorf("open %s trace: %w", azureFunctions.Name, err)
		}
		return reader, azureFunctions, nil
	}
	plain, err := gunzip(r)
	if err != nil {
		return nil, Format{}, fmt.Errorf("open trace: %w", err)
	}
	if isTar(plain) && (format == "" || format == planetlab.Name) {
		return planetlabReader{tar.NewReader(plain)}, planetlab, nil
	}
	l := newLines(plain)
	f, err := formatOf(l, format)
	if err != nil {
		return nil, Format{}, fmt.Errorf("open trace: %w", err)
	}
	reader, err := f.open(l)
	if err != nil {
		return nil, Format{}, fmt.Errorf("open %s trace: %w", f.Name, err)
	}
	return reader, f, nil
}

func gunzip(r io.Reader) (*bufio.Reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	magic, err := b.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return b, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, err
	}
	return bufio.NewReaderSize(z, 64<<10), nil
}

func formatOf(l *lines, name string) (Format, error) {
	first, err := l.peek()
	if err != nil {
		return Format{}, err
	}
	formats := Formats()
	i := slices.IndexFunc(formats, func(f Format) bool {
		if name != "" {
			return f.Name == name
		}
		return f.detect(first)
	})
	if i >= 0 {
		return formats[i], nil
	}
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.Name
	}
	if name != "" {
		return Format{}, fmt.Errorf("%.40q is no format of a trace: it is one of %s", name, strings.Join(names, ", "))
	}
	return Format{}, fmt.Errorf("its first line, %.60q, is of no known format: name one of %s", first, strings.Join(names, ", "))
}

// Skipping passes over rows that cannot be read, and counts them.
type Skipping struct {
	Reader
	Skipped int
	First   *RowError // the first of them
}

// Next gives the next row that can be read.
func (s *Skipping) Next() (Row, error) {
	for {
		r, err := s.Reader.Next()
		var bad *RowError
		if !errors.As(err, &bad) {
			return r, err
		}
		if s.Skipped++; s.First == nil {
			s.First = bad
		}
	}
}
