package history

import (
	"archive/zip"
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"drover.dev/api"
	"drover.dev/internal/journal"
)

// BundleFormat is the version of bundles that this build writes and reads.
const BundleFormat = 1

// Limits of a bundle, in bytes and records.
const (
	maxBundleRecords = 1 << 20
	maxBundleBytes   = 1 << 30 // of records, before compression
	maxBundleText    = 16 << 20
)

// Manifest says what is in a bundle: bundle.json.
type Manifest struct {
	Format      int           `json:"format"`
	Cell        string        `json:"cell"`
	Version     string        `json:"version"` // of the program that made it
	Made        api.Time      `json:"made"`
	Base        uint64        `json:"base"`  // record of its snapshot; 0: it begins with the first record
	First       uint64        `json:"first"` // record; 0: there is none
	Last        uint64        `json:"last"`
	From        api.Time      `json:"from"` // when Base or First was decided
	To          api.Time      `json:"to"`
	Anonymised  bool          `json:"anonymised"`
	Divergences []*Divergence `json:"divergences,omitempty"` // that the audit had found
}

// BundleOptions say what goes into a bundle.
type BundleOptions struct {
	Cell, Version string
	Made          api.Time
	Records       uint64 // at least the last so many, as far as there are snapshots
	Anonymise     bool   // see [Anonymiser]
	Metrics       string // text of /metrics
	Log           string // the last lines
	Divergences   []*Divergence
}

// The parts of a bundle, which is a ZIP file.
const (
	partManifest = "bundle.json"
	partSnapshot = "snapshot.zst"
	partRecords  = "records"
	partMetrics  = "metrics.txt"
	partLog      = "log.txt"
)

// WriteBundle writes the snapshot before the last so many records, the records
// after it, and what the options add. The records are copied as they are: a bundle proves what the
// journal proves from its snapshot on.
func (s *Source) WriteBundle(ctx context.Context, w io.Writer, o BundleOptions) (Manifest, error) {
	z := zip.NewWriter(w)
	m, err := s.writeBundle(ctx, z, o)
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return m, fmt.Errorf("write a bundle: %w", err)
	}
	return m, nil
}

func (s *Source) writeBundle(ctx context.Context, z *zip.Writer, o BundleOptions) (Manifest, error) {
	m := Manifest{Format: BundleFormat, Cell: o.Cell, Version: o.Version, Made: o.Made, Divergences: o.Divergences}
	last, err := s.Last(ctx)
	if err != nil {
		return m, err
	}
	if from := last.N - min(last.N, o.Records); o.Anonymise {
		a := NewAnonymiser()
		m.Cell, m.Anonymised, m.Divergences = a.Token(o.Cell), true, nil
		o.Log = "" // it names everything
		err = s.anonymous(ctx, z, from, a, &m)
	} else {
		err = s.whole(ctx, z, from, &m)
	}
	if err != nil {
		return m, err
	}
	for _, part := range []struct{ name, text string }{{partMetrics, o.Metrics}, {partLog, o.Log}} {
		if err := putText(z, part.name, part.text); err != nil {
			return m, err
		}
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, err
	}
	return m, putText(z, partManifest, string(b)+"\n")
}

// whole copies the newest snapshot at or before record n, if there is one, and
// the records after it as they are.
func (s *Source) whole(ctx context.Context, z *zip.Writer, n uint64, m *Manifest) error {
	_, at, path, err := s.base(n)
	if err == nil && path != "" {
		err = putFile(z, partSnapshot, path)
	}
	if err != nil {
		return err
	}
	m.Base, m.From, m.Last, m.To = at.N, at.Now, at.N, at.Now
	w, err := z.Create(partRecords)
	if err != nil {
		return err
	}
	size := 0
	for v, err := range s.verified(ctx, at.Link) {
		if err == nil {
			err = m.count(v.Record.N, api.Time(v.Record.Now), &size, len(v.Data))
		}
		if err == nil {
			err = putRecord(w, v.Data)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// count notes a record that goes into the bundle.
func (m *Manifest) count(n uint64, now api.Time, size *int, bytes int) error {
	if m.First == 0 {
		m.First = n
		if m.Base == 0 {
			m.From = now
		}
	}
	m.Last, m.To = n, now
	if *size += bytes; *size > maxBundleBytes || n-m.First >= maxBundleRecords {
		return fmt.Errorf("the records after the snapshot at %d take too much room: ask for fewer", m.Base)
	}
	return nil
}

// putFile copies a file that is compressed already.
func putFile(z *zip.Writer, name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

// putRecord writes a record behind its length.
func putRecord(w io.Writer, b []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
	return err
}

func putText(z *zip.Writer, name, text string) error {
	w, err := z.Create(name)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	return err
}

// Bundle is a bundle opened for reading.
type Bundle struct {
	Source
	Manifest Manifest
	temp     string
}

// ErrNoBundle says that a file is not a bundle.
var ErrNoBundle = errors.New("it is not a bundle of drover debug bundle")

// OpenBundle opens a bundle. What it holds is judged like a journal: nothing of it
// is believed that its chain does not prove.
func OpenBundle(path, temp string) (*Bundle, error) {
	z, err := zip.OpenReader(path)
	if errors.Is(err, zip.ErrFormat) {
		return nil, fmt.Errorf("open %s: %w", path, ErrNoBundle)
	}
	if err != nil {
		return nil, fmt.Errorf("open the bundle: %w", err)
	}
	defer z.Close()
	b := new(Bundle)
	if err := b.open(&z.Reader, temp); err != nil {
		return nil, errors.Join(fmt.Errorf("open the bundle %s: %w", path, err), b.Close())
	}
	return b, nil
}

func (b *Bundle) open(z *zip.Reader, temp string) (err error) {
	text, err := readPart(z, partManifest, maxBundleText)
	if errors.Is(err, os.ErrNotExist) {
		return ErrNoBundle
	}
	if err == nil {
		err = json.Unmarshal(text, &b.Manifest)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", partManifest, err)
	}
	if b.Manifest.Format != BundleFormat {
		return fmt.Errorf("it has format %d, this build reads %d: use the drover that is as new as it (%.80q)", b.Manifest.Format, BundleFormat, b.Manifest.Version)
	}
	if b.temp, err = os.MkdirTemp(temp, "drover-bundle-"); err != nil {
		return err
	}
	b.Snapshots = journal.ReadSnapshots(b.temp)
	if b.Manifest.Base > 0 {
		snapshot, err := readPart(z, partSnapshot, journal.MaxSnapshot)
		if err == nil {
			err = os.WriteFile(b.Snapshots.Path(b.Manifest.Base), snapshot, 0o600)
		}
		if err != nil {
			return fmt.Errorf("unpack the snapshot: %w", err)
		}
	}
	b.Begin = max(b.Manifest.Base, 1)
	b.Journal, err = readRecords(z)
	return err
}

// Close removes what was unpacked.
func (b *Bundle) Close() error {
	if b.temp == "" {
		return nil
	}
	return os.RemoveAll(b.temp)
}

func readPart(z *zip.Reader, name string, limit int64) ([]byte, error) {
	f, err := z.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	return b, err
}

// entries is a journal that is only read, in memory.
type entries []journal.Entry

// Read implements Reader.
func (e entries) Read(_ context.Context, from uint64) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		for i := range e {
			if e[i].Seq >= from && !yield(e[i], nil) {
				return
			}
		}
	}
}

func readRecords(z *zip.Reader) (entries, error) {
	f, err := z.Open(partRecords)
	if err != nil {
		return nil, fmt.Errorf("read the records: %w", err)
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<20)
	var out entries
	size := 0
	for {
		var head [4]byte
		if _, err := io.ReadFull(r, head[:]); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("read the records: %w", err)
		}
		n := int(binary.BigEndian.Uint32(head[:]))
		if size += n; n > journal.MaxRecord || size > maxBundleBytes || len(out) >= maxBundleRecords {
			return nil, errors.New("read the records: there are more than a bundle may hold")
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, fmt.Errorf("read the records: %w", err)
		}
		out = append(out, journal.Entry{Seq: uint64(len(out)) + 1, Data: b})
	}
}

// Open opens a bundle or a stopped server's directory.
func Open(ctx context.Context, path string) (src *Source, cell string, end func() error, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", nil, err
	}
	if !info.IsDir() {
		b, err := OpenBundle(path, "")
		if err != nil {
			return nil, "", nil, err
		}
		return &b.Source, b.Manifest.Cell, b.Close, nil
	}
	inner := filepath.Join(path, "server") // as drover dev has it
	if info, err := os.Stat(inner); err == nil && info.IsDir() {
		path = inner
	}
	d, err := OpenDir(ctx, path, "", nil)
	if err != nil {
		return nil, "", nil, err
	}
	return &d.Source, d.Cell, d.Close, nil
}
