package control

import "slices"

// Phase is where a Leader stands.
type Phase uint8

// The phases.
const (
	Following  Phase = iota // does not lead
	Leading                 // leads, nothing is in flight
	Appending               // a batch is on its way into the journal
	Recovering              // it is not known what became of that batch
)

// Mark is a record in the journal: where it stands and which one it is.
type Mark struct {
	Seq   uint64 // in the journal
	N     uint64 // of the record
	Epoch uint64 // in which it was decided
	Hash  [32]byte
}

// Leader decides what may follow from an append. It keeps the rules that make
// it safe to act:
//
//   - A batch takes effect outside (answers, hints, acknowledgements) only by a
//     Release, and a Release is given only for a batch that stands in the journal.
//   - After a refusal or an unknown outcome the journal is read back: the batch
//     is found and released, or this leadership ends and its engine with it.
//   - Every leadership begins with a record of its own epoch, higher than any
//     seen, behind the journal's fence. Until that is released nothing else is
//     decided.
//
// Two servers may both believe that they lead, but only one of them can append:
// the other learns of it by its next refusal, before it has released anything.
type Leader struct {
	Phase  Phase
	Epoch  uint64 // of this leadership, or the highest seen
	Acked  Mark   // the last record known to stand in the journal
	Flight Mark   // the batch in flight; Seq 0. Zero when there is none
}

// A LeaderInput is what happened. The types are Campaign, Decided, Abandoned,
// Appended, Overtaken, ReadBack and Unreadable.
type LeaderInput interface{ leaderInput() }

// Campaign asks to lead. It does nothing while leading.
type Campaign struct{}

// Decided says that the engine decided a batch, encoded as a record of this
// hash that follows the last acknowledged one.
type Decided struct{ Hash [32]byte }

// Abandoned says that the engine could not decide a batch and is of no use any
// more; nothing was appended.
type Abandoned struct{}

// Outcome is what an append came to.
type Outcome uint8

// The outcomes of an append.
const (
	Stored  Outcome = iota // the record stands at Appended.Seq
	Outrun                 // refused: another record stands in its place
	Refused                // refused, and nobody else appended: no room, no connection
	Unknown                // it may stand in the journal, or may yet get there
)

// Appended says what the append came to.
type Appended struct {
	Outcome Outcome
	Seq     uint64 // when Stored
}

// Overtaken says that the journal seems to hold more than this leader knows of.
type Overtaken struct{}

// ReadBack lists what stands in the journal after the last acknowledged record,
// in order. End is the last sequence that was read, which torn entries may put
// beyond the last record. Whoever follows reads back all the time.
type ReadBack struct {
	Marks []Mark
	End   uint64
}

// Unreadable says that the journal could not be read back.
type Unreadable struct{}

func (Campaign) leaderInput()   {}
func (Decided) leaderInput()    {}
func (Abandoned) leaderInput()  {}
func (Appended) leaderInput()   {}
func (Overtaken) leaderInput()  {}
func (ReadBack) leaderInput()   {}
func (Unreadable) leaderInput() {}

// A LeaderAction is what to do now, in order.
type LeaderAction interface{ leaderAction() }

// Begin makes an engine from the state at the last acknowledged record and has
// it decide the record that opens the epoch.
type Begin struct{ Epoch uint64 }

// Append sends the decided batch.
type Append struct{ Expect uint64 }

// ReadFrom reads the journal back from a sequence to its end.
type ReadFrom struct{ Seq uint64 }

// Release lets the effects of the batch in flight out: it stands in the journal.
type Release struct{ Mark Mark }

// Fold adds a record to what is known that this leadership did not decide, or
// whose effects it gave up. It has no effects here.
type Fold struct{ Mark Mark }

// StepDown ends this leadership. Whoever waits for the batch in flight learns
// that its outcome is open; the engine is thrown away. By is the epoch of the
// leader who took over; 0 when nobody did, and a new Campaign is in order.
type StepDown struct{ By uint64 }

func (Begin) leaderAction()    {}
func (Append) leaderAction()   {}
func (ReadFrom) leaderAction() {}
func (Release) leaderAction()  {}
func (Fold) leaderAction()     {}
func (StepDown) leaderAction() {}

// NewLeader starts behind the last record of a journal that was read to its
// end. Epoch is the highest in it, the last record's.
func NewLeader(last Mark) *Leader { return &Leader{Epoch: last.Epoch, Acked: last} }

// Handle takes what happened and says what to do. What does not fit the phase,
// such as the outcome of an append that was given up, changes nothing.
func (l *Leader) Handle(in LeaderInput) []LeaderAction {
	switch in := in.(type) {
	case Campaign:
		return l.campaign()
	case Decided:
		return l.decided(in)
	case Abandoned:
		if l.Phase == Leading {
			return l.stepDown(0)
		}
	case Appended:
		if l.Phase == Appending {
			return l.appended(in)
		}
	case Overtaken:
		if l.Phase == Leading {
			return l.recover()
		}
	case ReadBack:
		switch l.Phase {
		case Recovering:
			return l.readBack(in)
		case Following:
			return l.follow(in)
		}
	case Unreadable:
		if l.Phase == Recovering {
			return l.recover()
		}
	}
	return nil
}

func (l *Leader) campaign() []LeaderAction {
	if l.Phase != Following {
		return nil
	}
	l.Epoch++
	l.Phase = Leading
	return []LeaderAction{Begin{Epoch: l.Epoch}}
}

func (l *Leader) decided(in Decided) []LeaderAction {
	if l.Phase != Leading {
		return nil
	}
	l.Phase = Appending
	l.Flight = Mark{N: l.Acked.N + 1, Epoch: l.Epoch, Hash: in.Hash}
	return []LeaderAction{Append{Expect: l.Acked.Seq}}
}

func (l *Leader) appended(in Appended) []LeaderAction {
	switch in.Outcome {
	case Stored:
		l.Phase = Leading
		return []LeaderAction{l.release(in.Seq)}
	case Refused:
		return l.stepDown(0)
	default:
		return l.recover()
	}
}

func (l *Leader) recover() []LeaderAction {
	l.Phase = Recovering
	return []LeaderAction{ReadFrom{Seq: l.Acked.Seq + 1}}
}

func (l *Leader) release(seq uint64) LeaderAction {
	l.Acked = l.Flight
	l.Acked.Seq = seq
	l.Flight = Mark{}
	return Release{Mark: l.Acked}
}

func (l *Leader) readBack(in ReadBack) []LeaderAction {
	var out []LeaderAction
	foreign, by := false, uint64(0)
	for _, m := range in.Marks {
		if l.own(m) {
			out = append(out, l.release(m.Seq))
			continue
		}
		foreign, by = true, max(by, m.Epoch)
		l.Acked = m
		out = append(out, Fold{Mark: m})
	}
	l.Acked.Seq = max(l.Acked.Seq, in.End)
	if l.Flight == (Mark{}) && !foreign {
		l.Phase = Leading
		return out
	}
	if by <= l.Epoch {
		by = 0 // only what earlier leaderships of ours had left behind
	}
	return slices.Concat(out, l.stepDown(by))
}

func (l *Leader) follow(in ReadBack) (out []LeaderAction) {
	for _, m := range in.Marks {
		l.Acked, l.Epoch = m, max(l.Epoch, m.Epoch)
		out = append(out, Fold{Mark: m})
	}
	l.Acked.Seq = max(l.Acked.Seq, in.End)
	return out
}

func (l *Leader) own(m Mark) bool {
	return l.Flight != (Mark{}) && m.N == l.Flight.N && m.Epoch == l.Flight.Epoch && m.Hash == l.Flight.Hash
}

func (l *Leader) stepDown(by uint64) []LeaderAction {
	l.Phase, l.Flight = Following, Mark{}
	l.Epoch = max(l.Epoch, by)
	return []LeaderAction{StepDown{By: by}}
}
