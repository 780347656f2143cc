package journal_test

import (
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"drover.dev/internal/journal"
)

// chain makes entries 1 to n, each following the one before.
func chain(t testing.TB, n uint64) []journal.Entry {
	t.Helper()
	return chainAfter(t, journal.Link{}, n)
}

func chainAfter(t testing.TB, at journal.Link, n uint64) (out []journal.Entry) {
	t.Helper()
	for range n {
		b, err := journal.Encode(record(at.N+1, at.Hash))
		if err != nil {
			t.Fatal(err)
		}
		at = journal.Link{N: at.N + 1, Hash: journal.Hash(b)}
		out = append(out, journal.Entry{Seq: at.N, Data: b})
	}
	return out
}

func linkOf(e journal.Entry) journal.Link {
	return journal.Link{N: e.Seq, Hash: journal.Hash(e.Data)}
}

func each(entries []journal.Entry) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// verify gives the numbers of the records found and the error at their end.
func verify(v *journal.Verifier, entries []journal.Entry) (found []uint64, err error) {
	for r, e := range journal.Verify(each(entries), v) {
		if err = e; err == nil {
			found = append(found, r.Record.N)
		}
	}
	return found, err
}

func torn(e journal.Entry) journal.Entry {
	e.Data = e.Data[:len(e.Data)/2]
	return e
}

// altered changes a byte of the payload, so that it is still a record.
func altered(e journal.Entry) journal.Entry {
	e.Data = slices.Clone(e.Data)
	e.Data[len(e.Data)-1] ^= 1
	return e
}

func TestVerifierTellsWhatIsWrong(t *testing.T) {
	c := chain(t, 6)
	other := chainAfter(t, journal.Link{N: 3, Hash: [32]byte{9}}, 1)
	for name, tc := range map[string]struct {
		entries []journal.Entry
		found   int
		want    string // part of the error's text; "" is none
	}{
		"nothing":                      {nil, 0, ""},
		"a whole chain":                {c, 6, ""},
		"one record gone":              {slices.Concat(c[:3], c[4:]), 3, "record 4 is lost: record 5 comes where 4 should"},
		"several gone":                 {slices.Concat(c[:2], c[5:]), 2, "records 3 to 5 are lost"},
		"the start gone":               {c[2:], 0, "records 1 to 2 are lost"},
		"a record altered":             {slices.Concat(c[:2], []journal.Entry{altered(c[2])}, c[3:]), 3, "breaks at record 4: it was written after a different record 3"},
		"a record of another journal":  {slices.Concat(c[:3], other), 3, "breaks at record 4"},
		"a record twice":               {slices.Concat(c[:3], c[2:]), 3, "another record 3 comes after record 3"},
		"a damaged record amid":        {slices.Concat(c[:2], []journal.Entry{torn(c[2])}, c[3:]), 2, "record 3 is lost"},
		"a torn tail":                  {slices.Concat(c[:4], []journal.Entry{torn(c[4])}), 4, "after record 4 is torn and was cut"},
		"a torn tail, then another":    {slices.Concat(c[:4], []journal.Entry{torn(c[4]), torn(c[4])}), 4, "2 unacknowledged"},
		"a torn tail that went on":     {slices.Concat(c[:4], []journal.Entry{torn(c[4])}, c[4:]), 6, ""},
		"a torn tail, another follows": {slices.Concat(c[:3], []journal.Entry{torn(c[3])}, other), 3, "follows damaged bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			var v journal.Verifier
			found, err := verify(&v, tc.entries)
			if len(found) != tc.found || v.At().N != uint64(tc.found) {
				t.Errorf("found %v, at %d, want %d", found, v.At().N, tc.found)
			}
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestVerifierErrorsAreTypedAndNameTheWayOut(t *testing.T) {
	c := chain(t, 6)
	var hole *journal.HoleError
	_, err := verify(new(journal.Verifier), slices.Concat(c[:3], c[4:]))
	if !errors.As(err, &hole) || *hole != (journal.HoleError{Want: 4, Got: 5}) || !strings.Contains(err.Error(), "--accept-loss-from 4") {
		t.Error(err)
	}
	var broken *journal.ChainError
	_, err = verify(new(journal.Verifier), slices.Concat(c[:1], []journal.Entry{altered(c[1])}, c[2:]))
	if !errors.As(err, &broken) || broken.N != 3 || !strings.Contains(err.Error(), "--accept-loss-from 3") {
		t.Error(err)
	}
	var tail *journal.TornError
	_, err = verify(new(journal.Verifier), []journal.Entry{c[0], torn(c[1])})
	if !errors.As(err, &tail) || tail.After != 1 || strings.Contains(err.Error(), "--accept-loss-from") {
		t.Error(err)
	}
	var newer *journal.ReaderError
	_, err = verify(new(journal.Verifier), []journal.Entry{{Seq: 1, Data: fields(t, func(m map[int]any) { m[1], m[2] = 9, 9 })}})
	if !errors.As(err, &newer) {
		t.Error(err)
	}
}

func TestVerifierFromASnapshot(t *testing.T) {
	c := chain(t, 6)
	at := linkOf(c[2])
	for name, tc := range map[string]struct {
		from    journal.Link
		entries []journal.Entry
		found   int
		ok      bool
	}{
		"the tail only":           {at, c[3:], 3, true},
		"records before it too":   {at, c, 3, true},
		"nothing after it":        {at, c[:3], 0, true},
		"nothing at all":          {at, nil, 0, true},
		"damage before it":        {at, slices.Concat([]journal.Entry{torn(c[0])}, c[1:]), 3, true},
		"a hole after it":         {at, c[4:], 0, false},
		"the end before it":       {at, c[:2], 0, false},
		"of another journal":      {journal.Link{N: 3, Hash: [32]byte{1}}, c, 0, false},
		"of another, tail only":   {journal.Link{N: 3, Hash: [32]byte{1}}, c[3:], 0, false},
		"an earlier one comes up": {at, slices.Concat(c[3:], c[:1]), 3, false},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := verify(journal.NewVerifier(tc.from), tc.entries)
			if len(found) != tc.found || (err == nil) != tc.ok {
				t.Errorf("found %v, %v", found, err)
			}
		})
	}
}

// After a hole the server was started with --accept-loss-from 3: it read up to 2 and
// went on from there, behind the entries that it gave up.
func TestAcceptedLossDropsWhatDoesNotContinue(t *testing.T) {
	old := chain(t, 6)
	damaged := slices.Concat(old[:2], old[3:])
	var v journal.Verifier
	v.AcceptLoss(3)
	if found, err := verify(&v, damaged); len(found) != 2 || err != nil || v.Dropped() != 3 {
		t.Fatalf("found %v, dropped %d, %v", found, v.Dropped(), err)
	}
	goneOn := slices.Concat(damaged, chainAfter(t, v.At(), 3))
	again := journal.Verifier{}
	again.AcceptLoss(3)
	if found, err := verify(&again, goneOn); len(found) != 5 || err != nil || again.At().N != 5 {
		t.Fatalf("found %v, %v", found, err)
	}
	var careful journal.Verifier
	careful.AcceptLoss(5) // a loss that starts earlier than was accepted
	if _, err := verify(&careful, damaged); err == nil {
		t.Fatal("a hole at 3 was taken for a loss from 5")
	}
}
