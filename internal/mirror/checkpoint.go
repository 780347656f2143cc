package mirror

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"drover.dev/internal/journal"
	"drover.dev/internal/state"
	"github.com/fxamacker/cbor/v2"
)

// A checkpoint is due after so many records, or so long after the last one.
const (
	checkpointRecords = 5000
	checkpointAge     = 15 * time.Second
)

// Checkpoint is where the mirror goes on from when it is started again.
type Checkpoint struct {
	Record uint64 `json:"record"`
	State  string `json:"state"` // SHA-256 of the canonical state, in hexadecimal digits
}

// HashState is the SHA-256 of a state's canonical bytes.
func HashState(st *state.State) (string, error) {
	pieces, err := journal.EncodePieces(st)
	if err != nil {
		return "", err
	}
	return hashOf(pieces), nil
}

func hashOf(pieces [][]byte) string {
	h := sha256.New()
	for _, p := range pieces {
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// checkpoint has the state and the memory saved, unless that is under way or the state
// is that of no record. m.mu is held.
func (m *Mirror) checkpoint() {
	if m.broken {
		return
	}
	select {
	case m.saving <- struct{}{}:
	default:
		return
	}
	m.unsaved, m.saved = 0, m.now()
	learnt, err := cbor.Marshal(m.memory)
	pieces, err2 := journal.EncodePieces(m.state)
	at := m.chain.At()
	m.background.Go(func() {
		defer func() { <-m.saving }()
		err := errors.Join(err, err2)
		if err == nil {
			head := binary.BigEndian.AppendUint64(nil, uint64(len(learnt)))
			err = m.checkpoints.Save(at, append([][]byte{append(head, learnt...)}, pieces...)...)
		}
		if err != nil {
			m.cfg.Log.Error("a checkpoint failed; the one before is kept", "record", at.N, "error", err)
			return
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.kept = Checkpoint{at.N, hashOf(pieces)}
	})
}

// resume goes on from the newest checkpoint; false when there is none.
func (m *Mirror) resume() (bool, error) {
	snap, err := m.checkpoints.LoadNewest()
	if errors.Is(err, journal.ErrNoSnapshot) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	data := snap.Data
	if len(data) < 8 || binary.BigEndian.Uint64(data) > uint64(len(data)-8) {
		return false, fmt.Errorf("the checkpoint at record %d makes no sense: start with --anew", snap.At.N)
	}
	n := 8 + binary.BigEndian.Uint64(data)
	learnt := newMemory()
	if err := cbor.Unmarshal(data[8:n], learnt); err != nil {
		return false, fmt.Errorf("the checkpoint at record %d makes no sense: %w: start with --anew", snap.At.N, err)
	}
	st, err := journal.DecodeState(data[n:])
	if err != nil {
		return false, fmt.Errorf("the checkpoint at record %d: %w: start with --anew", snap.At.N, err)
	}
	m.begin(st, snap.At, learnt)
	sum := sha256.Sum256(data[n:])
	m.kept = Checkpoint{snap.At.N, hex.EncodeToString(sum[:])}
	return true, nil
}
