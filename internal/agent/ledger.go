package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"drover.dev/internal/agent/core"
	"github.com/fxamacker/cbor/v2"
)

// A ledger is the file in which an agent keeps what it must know after a crash:
// starts, and reports until they are acknowledged. Records are appended, many
// with one sync, and the file is written anew when most of it is of no use any
// more.
//
// A frame is the length and the CRC-32C of a canonical CBOR record, both as 32
// bits little endian, and the record. What a crash left half-written at the end
// was never relied on; it is cut off.
type ledger struct {
	path  string
	file  *os.File
	size  int64
	after int64 // size after the last rewrite
	enc   cbor.EncMode
	dec   cbor.DecMode
	buf   []byte
	cut   int64 // bytes of a torn tail that opening cut off
}

const (
	frameHeader = 8
	maxFrame    = 64 << 20
	compactAt   = 4 << 20 // bytes below which a ledger is not written anew
)

var errTorn = errors.New("torn record")

// openLedger opens or creates the ledger and hands its records to apply.
func openLedger(path string, apply func(*core.Record)) (*ledger, error) {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	// A ledger that holds text that is not UTF-8 is read all the same: the core
	// tidies it, and without the rest of the ledger the node would be of no use.
	dec, err := cbor.DecOptions{UTF8: cbor.UTF8DecodeInvalid}.DecMode()
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	l := &ledger{path: path, file: f, enc: enc, dec: dec}
	if err := l.load(apply); err != nil {
		return nil, errors.Join(fmt.Errorf("read ledger %s: %w", path, err), f.Close())
	}
	l.after = l.size
	return l, nil
}

func (l *ledger) load(apply func(*core.Record)) error {
	data, err := io.ReadAll(l.file)
	if err != nil {
		return err
	}
	for {
		record, n, err := nextFrame(l.dec, data[l.size:])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, errTorn) {
			l.cut = int64(len(data)) - l.size
			return l.truncate()
		}
		if err != nil {
			return fmt.Errorf("record at byte %d: %w: it was written by another version of Drover", l.size, err)
		}
		apply(record)
		l.size += int64(n)
	}
}

// nextFrame reads the frame at the beginning of data and gives its length.
func nextFrame(dec cbor.DecMode, data []byte) (*core.Record, int, error) {
	if len(data) == 0 {
		return nil, 0, io.EOF
	}
	if len(data) < frameHeader {
		return nil, 0, errTorn
	}
	n := int(binary.LittleEndian.Uint32(data))
	if n > maxFrame || n > len(data)-frameHeader || n == 0 {
		return nil, 0, errTorn
	}
	body := data[frameHeader : frameHeader+n]
	if crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(data[4:]) {
		return nil, 0, errTorn
	}
	record := new(core.Record)
	if err := dec.Unmarshal(body, record); err != nil {
		return nil, 0, err
	}
	return record, frameHeader + n, nil
}

func (l *ledger) truncate() error {
	if err := l.file.Truncate(l.size); err != nil {
		return fmt.Errorf("cut a torn tail off: %w", err)
	}
	_, err := l.file.Seek(l.size, io.SeekStart)
	return err
}

// append writes records with one write, and one sync if asked. After an error
// nothing is known of the file's end: only rewrite helps.
func (l *ledger) append(records []core.Record, sync bool) error {
	if err := l.frames(records); err != nil {
		return err
	}
	if err := writeAll(l.file, l.buf, sync); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	l.size += int64(len(l.buf))
	return nil
}

// frames puts the records into l.buf.
func (l *ledger) frames(records []core.Record) error {
	l.buf = l.buf[:0]
	for i := range records {
		body, err := l.enc.Marshal(&records[i])
		if err != nil {
			return fmt.Errorf("encode a record: %w", err)
		}
		if len(body) > maxFrame {
			return fmt.Errorf("a record of %d bytes exceeds the limit of %d", len(body), maxFrame)
		}
		l.buf = binary.LittleEndian.AppendUint32(l.buf, uint32(len(body)))
		l.buf = binary.LittleEndian.AppendUint32(l.buf, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
		l.buf = append(l.buf, body...)
	}
	return nil
}

func writeAll(f *os.File, data []byte, sync bool) error {
	if _, err := f.Write(data); err != nil {
		return err
	}
	if !sync {
		return nil
	}
	return f.Sync()
}

// bulky tells whether a rewrite is worth its while.
func (l *ledger) bulky() bool { return l.size > max(compactAt, 2*l.after) }

// rewrite replaces the file by one with these records alone, durably.
func (l *ledger) rewrite(records []core.Record) (err error) {
	if err := l.frames(records); err != nil {
		return err
	}
	temp := l.path + ".new"
	f, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("rewrite ledger: %w", err)
	}
	err = writeAll(f, l.buf, true)
	if err == nil {
		err = os.Rename(temp, l.path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(l.path))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("rewrite ledger: %w", err), f.Close(), ignoreMissing(os.Remove(temp)))
	}
	_ = l.file.Close() // replaced, and all of it is in the new one
	l.file, l.size = f, int64(len(l.buf))
	l.after = l.size
	if cap(l.buf) > compactAt {
		l.buf = nil
	}
	return nil
}

func (l *ledger) close() error { return l.file.Close() }

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// syncDir makes names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
