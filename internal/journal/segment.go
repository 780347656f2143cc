package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// trailerLen: magic, number and hash of the record before the first, number and
// hash of the last, and SHA-256 of all that.
const trailerLen = len(segmentMagic) + 2*(8+sha256.Size) + sha256.Size

func trailer(prev, last Link) []byte {
	b := append(make([]byte, 0, trailerLen), segmentMagic...)
	for _, l := range []Link{prev, last} {
		b = binary.BigEndian.AppendUint64(b, l.N)
		b = append(b, l.Hash[:]...)
	}
	sum := sumOf(b)
	return append(b, sum[:]...)
}

func readTrailer(path string) (Segment, error) {
	f, err := os.Open(path)
	if err != nil {
		return Segment{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Segment{}, err
	}
	if info.Size() < int64(trailerLen) {
		return Segment{}, errors.New("the file is cut off")
	}
	var b [trailerLen]byte
	if _, err := f.ReadAt(b[:], info.Size()-int64(trailerLen)); err != nil {
		return Segment{}, err
	}
	s := Segment{Bytes: info.Size(), path: path}
	rest := b[len(segmentMagic):]
	for _, l := range []*Link{&s.Prev, &s.Last} {
		l.N = binary.BigEndian.Uint64(rest)
		rest = rest[8+copy(l.Hash[:], rest[8:]):]
	}
	if !bytes.Equal(b[:], trailer(s.Prev, s.Last)) || s.Last.N <= s.Prev.N {
		return Segment{}, errors.New("the trailer is damaged")
	}
	return s, nil
}

// Begin reads the first record, unproved: it serves to find a place.
func (s *Segment) Begin() (r Record, err error) {
	err = s.walk(func(b []byte) (bool, error) {
		r, err = Decode(b)
		return false, err
	})
	if err != nil {
		return Record{}, &ArchiveError{Path: s.path, From: s.First(), N: s.First(), Cause: err}
	}
	return r, nil
}

// Check reads all of it: an [ArchiveError] says where it is not what was written.
func (s *Segment) Check() error { return s.each(func(Entry) bool { return true }) }

// Path is the segment's file.
func (s *Segment) Path() string { return s.path }

// each gives all records of a segment until fn returns false. A record is given when
// the one after it, or the trailer, has proved its hash.
func (s *Segment) each(fn func(Entry) bool) error {
	at, held, more := s.Prev, Entry{}, true
	err := s.walk(func(b []byte) (bool, error) {
		r, err := Decode(b)
		switch {
		case err != nil:
			return false, err
		case r.N != at.N+1 || r.PrevHash != at.Hash:
			return false, fmt.Errorf("record %d does not follow record %d", r.N, at.N)
		}
		more = held.Data == nil || fn(held)
		at, held = Link{N: r.N, Hash: Hash(b)}, Entry{Seq: r.N, Data: b}
		return more && at.N < s.Last.N, nil
	})
	if err == nil && more && at != s.Last {
		err, at.N = errors.New("the last record is another one"), at.N-1
	}
	if err == nil && more {
		fn(held)
	}
	var newer *ReaderError
	if err == nil || errors.As(err, &newer) {
		return err
	}
	return &ArchiveError{Path: s.path, From: s.First(), N: max(s.First(), at.N), Cause: err}
}

// walk gives the frames of a segment's file, until fn returns false.
func (s *Segment) walk(fn func([]byte) (more bool, err error)) error {
	f, err := os.Open(s.path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := unzip(io.NewSectionReader(f, 0, s.Bytes-int64(trailerLen)))
	if err != nil {
		return err
	}
	defer z.Close()
	for more := true; more; {
		frame, err := readFrame(z)
		if err != nil {
			return err
		}
		if more, err = fn(frame); err != nil {
			return err
		}
	}
	return nil
}

func readFrame(r io.Reader) ([]byte, error) {
	var size [frameLen]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, fmt.Errorf("the file is cut off: %w", err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > MaxRecord {
		return nil, fmt.Errorf("a record of %d bytes", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("the file is cut off: %w", err)
	}
	return b, nil
}
