package client

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"drover.dev/api"
)

// JournalRecord is a record of the journal as the server gives it out, or, without
// Data, word that there is none beyond Last yet.
type JournalRecord struct {
	Data []byte   // canonical CBOR; good until the next one
	Last uint64   // number of the last record that the server reflected
	Sent api.Time // by the server's clock
}

// maxJournalRecord bounds a record in bytes.
const maxJournalRecord = 1 << 20

// journalSilence is how long a server may say nothing on a journal that is followed:
// it speaks every second.
const journalSilence = 10 * time.Second

// Journal gives take the cell's records after the one with this number and hash (0 is
// before the first), and then those that come. It reads one connection, and returns
// when that breaks off: go on after the last record that came. NotFound says of the
// error that the records after that place are not kept any more, Conflict that the
// cell's journal is another one.
func (c *Client) Journal(ctx context.Context, after uint64, hash [32]byte, take func(JournalRecord) error) error {
	k := newCall("GET", "journal")
	if after > 0 {
		k.query.Set("after", strconv.FormatUint(after, 10))
		k.query.Set("hash", hex.EncodeToString(hash[:]))
	}
	at := c.at.Load()
	err := c.journal(ctx, k, take)
	var unreachable *UnreachableError
	var busy *busyError
	if errors.As(err, &unreachable) || errors.As(err, &busy) {
		c.turn(at) // the next one may know better
	}
	if err != nil {
		return fmt.Errorf("follow the journal: %w", err)
	}
	return nil
}

func (c *Client) journal(ctx context.Context, k *call, take func(JournalRecord) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silence := time.AfterFunc(tryTimeout, cancel) // the server may have to look through its archive
	defer silence.Stop()
	res, err := c.send(ctx, k, nil, 0)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	in := bufio.NewReaderSize(&counted{res.Body, func() { silence.Reset(journalSilence) }}, 64<<10)
	var buf []byte
	for {
		r, err := readRecord(in, &buf)
		if err != nil {
			return &UnreachableError{c.Server(), err}
		}
		if err := take(r); err != nil {
			return err
		}
	}
}

// readRecord reads one frame.
func readRecord(in io.Reader, buf *[]byte) (JournalRecord, error) {
	var head [20]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return JournalRecord{}, fmt.Errorf("the stream broke off: %w", err)
	}
	r := JournalRecord{Sent: api.Time(binary.BigEndian.Uint64(head[:])), Last: binary.BigEndian.Uint64(head[8:])}
	n := binary.BigEndian.Uint32(head[16:])
	if n > maxJournalRecord {
		return r, fmt.Errorf("a record of %d bytes is announced, at most %d may be", n, maxJournalRecord)
	}
	if n == 0 {
		return r, nil
	}
	if uint32(cap(*buf)) < n {
		*buf = make([]byte, n)
	}
	r.Data = (*buf)[:n]
	if _, err := io.ReadFull(in, r.Data); err != nil {
		return r, fmt.Errorf("the stream broke off: %w", err)
	}
	return r, nil
}
