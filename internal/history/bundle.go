package history

import (
	"archive/zip"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"drover.dev/api"
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
		o.Log, o.Metrics = "", unlabelled(o.Metrics) // they name things
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

// unlabelled leaves out of a text of metrics those that have labels.
func unlabelled(metrics string) string {
	var out strings.Builder
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "#") || !strings.Contains(line, "{") {
			out.WriteString(line)
		}
	}
	return out.String()
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
