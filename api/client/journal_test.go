package client_test

import (
	"errors"
	"testing"

	"drover.dev/api/client"
)

func TestJournal(t *testing.T) {
	w := start(t)
	enough := errors.New("enough")
	var data []byte
	err := w.Journal(t.Context(), 0, [32]byte{}, func(r client.JournalRecord) error {
		if r.Last != 1 || r.Sent == 0 {
			t.Errorf("the last record is %d, sent at %s", r.Last, r.Sent)
		}
		if len(r.Data) == 0 {
			return enough // a second without a record
		}
		data = append(data, r.Data...)
		return nil
	})
	if !errors.Is(err, enough) || len(data) != 1 || data[0] != 1 {
		t.Errorf("the records are %v, %v", data, err)
	}
	err = w.Journal(t.Context(), 7, [32]byte{1}, func(client.JournalRecord) error { return enough })
	if !client.Conflict(err) {
		t.Errorf("a journal that is another one is followed: %v", err)
	}
}
