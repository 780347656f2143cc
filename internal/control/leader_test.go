package control_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"drover.dev/internal/control"
	"pgregory.net/rapid"
)

func hash(n uint64) (h [32]byte) {
	binary.BigEndian.PutUint64(h[:], n)
	return h
}

// show makes actions readable in failures.
func show(actions []control.LeaderAction) (out []string) {
	for _, a := range actions {
		switch a := a.(type) {
		case control.Release:
			out = append(out, fmt.Sprintf("release %d at %d", a.Mark.N, a.Mark.Seq))
		case control.Fold:
			out = append(out, fmt.Sprintf("fold %d at %d", a.Mark.N, a.Mark.Seq))
		default:
			out = append(out, fmt.Sprintf("%T%v", a, a)[len("control."):])
		}
	}
	return out
}

func TestLeaderScenarios(t *testing.T) {
	mine := func(n uint64) control.Mark { return control.Mark{Seq: n, N: n, Epoch: 8, Hash: hash(n)} }
	other := func(n, epoch uint64) control.Mark {
		return control.Mark{Seq: n, N: n, Epoch: epoch, Hash: hash(n + 1000)}
	}
	leading := []control.LeaderInput{
		control.Campaign{}, control.Decided{Hash: hash(6)}, control.Appended{Outcome: control.Stored, Seq: 6},
	}
	for name, c := range map[string]struct {
		then []control.LeaderInput
		want []string // of the last input
	}{
		"an acknowledged batch is released": {
			[]control.LeaderInput{control.Decided{Hash: hash(7)}, control.Appended{Outcome: control.Stored, Seq: 7}},
			[]string{"release 7 at 7"},
		},
		"an unknown outcome is looked up": {
			[]control.LeaderInput{control.Decided{Hash: hash(7)}, control.Appended{Outcome: control.Unknown}},
			[]string{"ReadFrom{7}"},
		},
		"a batch that is found is adopted": {
			[]control.LeaderInput{control.Decided{Hash: hash(7)}, control.Appended{Outcome: control.Unknown}, control.ReadBack{Marks: []control.Mark{mine(7)}, End: 7}},
			[]string{"release 7 at 7"},
		},
		"a batch that is not found may come later, so this leadership ends": {
			[]control.LeaderInput{control.Decided{Hash: hash(7)}, control.Appended{Outcome: control.Unknown}, control.ReadBack{End: 6}},
			[]string{"StepDown{0}"},
		},
		"another leader's record ends it, too": {
			[]control.LeaderInput{control.Decided{Hash: hash(7)}, control.Appended{Outcome: control.Outrun}, control.ReadBack{Marks: []control.Mark{other(7, 9)}, End: 7}},
			[]string{"fold 7 at 7", "StepDown{9}"},
		},
		"a batch that is followed by another leader's is released first": {
			[]control.LeaderInput{control.Decided{Hash: hash(7)}, control.Appended{Outcome: control.Unknown}, control.ReadBack{Marks: []control.Mark{mine(7), other(8, 9)}, End: 8}},
			[]string{"release 7 at 7", "fold 8 at 8", "StepDown{9}"},
		},
		"a late record of an earlier leadership is folded, and nobody else leads": {
			[]control.LeaderInput{control.Decided{Hash: hash(7)}, control.Appended{Outcome: control.Outrun}, control.ReadBack{Marks: []control.Mark{other(7, 7)}, End: 7}},
			[]string{"fold 7 at 7", "StepDown{0}"},
		},
		"a refusal for want of room ends it without a look": {
			[]control.LeaderInput{control.Decided{Hash: hash(7)}, control.Appended{Outcome: control.Refused}},
			[]string{"StepDown{0}"},
		},
		"a journal that cannot be read is asked again": {
			[]control.LeaderInput{control.Decided{Hash: hash(7)}, control.Appended{Outcome: control.Unknown}, control.Unreadable{}},
			[]string{"ReadFrom{7}"},
		},
		"an engine that cannot decide is replaced": {
			[]control.LeaderInput{control.Abandoned{}}, []string{"StepDown{0}"},
		},
		"the next leadership has a higher epoch": {
			[]control.LeaderInput{control.Abandoned{}, control.Campaign{}}, []string{"Begin{9}"},
		},
		"torn entries at the end are appended after": {
			[]control.LeaderInput{control.Decided{Hash: hash(7)}, control.Appended{Outcome: control.Unknown}, control.ReadBack{End: 7}, control.Campaign{}, control.Decided{Hash: hash(8)}},
			[]string{"Append{7}"},
		},
		"a late answer changes nothing": {
			[]control.LeaderInput{control.Appended{Outcome: control.Stored, Seq: 9}}, nil,
		},
		"who was asleep looks whether it still leads": {[]control.LeaderInput{control.Overtaken{}}, []string{"ReadFrom{7}"}},
		"nobody else wrote, so it does": {
			[]control.LeaderInput{control.Overtaken{}, control.ReadBack{End: 6}, control.Decided{Hash: hash(7)}}, []string{"Append{6}"},
		},
		"another leads, so it follows": {
			[]control.LeaderInput{control.Overtaken{}, control.ReadBack{Marks: []control.Mark{other(7, 9)}, End: 7}},
			[]string{"fold 7 at 7", "StepDown{9}"},
		},
		"who follows folds what others write": {
			[]control.LeaderInput{control.Abandoned{}, control.ReadBack{Marks: []control.Mark{other(7, 9), other(8, 9)}, End: 8}},
			[]string{"fold 7 at 7", "fold 8 at 8"},
		},
		"and leads behind it, in an epoch of its own": {
			[]control.LeaderInput{control.Abandoned{}, control.ReadBack{Marks: []control.Mark{other(7, 12)}, End: 7}, control.Campaign{}},
			[]string{"Begin{13}"},
		},
		"who leads does not campaign": {[]control.LeaderInput{control.Campaign{}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			l := control.NewLeader(control.Mark{Seq: 5, N: 5, Epoch: 7, Hash: hash(5)})
			var got []string
			for _, in := range slices.Concat(leading, c.then) {
				got = show(l.Handle(in))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// world is one journal, the network in front of it, and servers that all believe
// they should lead.
type world struct {
	t       *rapid.T
	journal []control.Mark
	servers []*server
	decided uint64 // numbers what is decided, over all servers
}

type server struct {
	*control.Leader
	sent     []sent         // on the way to the journal; may arrive at any time, or never
	awaits   bool           // an answer to the newest of them
	reads    bool           // it asked to read the journal back
	began    bool           // an engine lives
	known    []control.Mark // what it released and folded
	released []control.Mark
}

type sent struct {
	expect uint64
	mark   control.Mark
}

// arrive applies the fence.
func (w *world) arrive(m sent) bool {
	if uint64(len(w.journal)) != m.expect {
		return false
	}
	m.mark.Seq = m.expect + 1
	w.journal = append(w.journal, m.mark)
	return true
}

func (w *world) handle(s *server, in control.LeaderInput) {
	for _, a := range s.Handle(in) {
		switch a := a.(type) {
		case control.Begin:
			s.began = true
		case control.Append:
			s.awaits = true
			s.sent = append(s.sent, sent{a.Expect, s.Flight})
		case control.ReadFrom:
			s.reads = true
		case control.Release:
			if !s.began {
				w.t.Fatal("released without an engine")
			}
			s.released = append(s.released, a.Mark)
			s.known = append(s.known, a.Mark)
		case control.Fold:
			s.known = append(s.known, a.Mark)
		case control.StepDown:
			s.began = false
		}
	}
}

// some picks a server for which ok holds, or skips the action.
func (w *world) some(t *rapid.T, ok func(*server) bool) *server {
	var fit []*server
	for _, s := range w.servers {
		if ok(s) {
			fit = append(fit, s)
		}
	}
	if len(fit) == 0 {
		t.Skip("no server can")
	}
	return rapid.SampledFrom(fit).Draw(t, "server")
}

func (w *world) check(t *rapid.T) {
	by := map[uint64]int{}
	for i, s := range w.servers {
		for _, m := range s.released {
			if w.journal[m.Seq-1] != m {
				t.Fatalf("server %d released %v, the journal holds %v", i, m, w.journal[m.Seq-1])
			}
			if other, twice := by[m.Seq]; twice {
				t.Fatalf("record %d was released by server %d and by server %d", m.N, other, i)
			}
			by[m.Seq] = i
		}
		if !slices.Equal(s.known, w.journal[:len(s.known)]) {
			t.Fatalf("server %d knows %v, the journal holds %v", i, s.known, w.journal)
		}
	}
	for i := 1; i < len(w.journal); i++ {
		if w.journal[i].Epoch < w.journal[i-1].Epoch || w.journal[i].N != w.journal[i-1].N+1 {
			t.Fatalf("record %v follows %v", w.journal[i], w.journal[i-1])
		}
	}
}

// TestLeadersAgreeWhateverIsLost drives two servers through random histories in
// which messages are lost, late and answered by nothing.
func TestLeadersAgreeWhateverIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t}
		for range 2 {
			w.servers = append(w.servers, &server{Leader: control.NewLeader(control.Mark{})})
		}
		t.Repeat(map[string]func(*rapid.T){
			"nothing": func(*rapid.T) {}, // so that there is always something to draw
			"campaign": func(t *rapid.T) {
				w.handle(w.some(t, func(s *server) bool { return s.Phase == control.Following }), control.Campaign{})
			},
			"decide": func(t *rapid.T) {
				w.decided++
				w.handle(w.some(t, func(s *server) bool { return s.Phase == control.Leading }), control.Decided{Hash: hash(w.decided)})
			},
			"arrive and answer": func(t *rapid.T) {
				s := w.some(t, func(s *server) bool { return s.awaits })
				m := s.sent[len(s.sent)-1]
				s.sent, s.awaits = s.sent[:len(s.sent)-1], false
				if w.arrive(m) {
					w.handle(s, control.Appended{Outcome: control.Stored, Seq: m.expect + 1})
				} else {
					w.handle(s, control.Appended{Outcome: control.Outrun})
				}
			},
			"no answer": func(t *rapid.T) {
				s := w.some(t, func(s *server) bool { return s.awaits })
				s.awaits = false
				w.handle(s, control.Appended{Outcome: control.Unknown})
			},
			"no room": func(t *rapid.T) {
				s := w.some(t, func(s *server) bool { return s.awaits })
				s.sent, s.awaits = s.sent[:len(s.sent)-1], false
				w.handle(s, control.Appended{Outcome: control.Refused})
			},
			"arrive late": func(t *rapid.T) {
				s := w.some(t, func(s *server) bool { return !s.awaits && len(s.sent) > 0 })
				w.arrive(s.sent[0])
				s.sent = s.sent[1:]
			},
			"read back": func(t *rapid.T) {
				s := w.some(t, func(s *server) bool { return s.reads })
				s.reads = false
				w.handle(s, control.ReadBack{Marks: slices.Clone(w.journal[s.Acked.Seq:]), End: uint64(len(w.journal))})
			},
			"follow": func(t *rapid.T) {
				s := w.some(t, func(s *server) bool { return s.Phase == control.Following })
				end := rapid.IntRange(int(s.Acked.Seq), len(w.journal)).Draw(t, "end")
				w.handle(s, control.ReadBack{Marks: slices.Clone(w.journal[s.Acked.Seq:end]), End: uint64(end)})
			},
			"see more": func(t *rapid.T) {
				w.handle(w.some(t, func(s *server) bool { return s.Phase == control.Leading }), control.Overtaken{})
			},
			"fail to read": func(t *rapid.T) {
				s := w.some(t, func(s *server) bool { return s.reads })
				s.reads = false
				w.handle(s, control.Unreadable{})
			},
			"engine fails": func(t *rapid.T) {
				w.handle(w.some(t, func(s *server) bool { return s.Phase == control.Leading }), control.Abandoned{})
			},
			"": w.check,
		})
	})
}
