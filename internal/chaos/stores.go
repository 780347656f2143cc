package chaos

import "slices"

// store is one of the machines that keep a journal of several, each on a disk of its
// own. What a majority of them calls stored stands. How they agree is not looked into:
// only what their disks do to what they agreed upon.
type store struct {
	ills   ills    // cut, full, lying, rotten
	has    *record // the last record that it says it has
	safe   *record // the last one that its disk has
	rotten *record // one of which a bit has flipped
}

const (
	stores   = 3
	majority = stores/2 + 1
)

// storeAt gives a machine of the journal by the number of who falls ill.
func (x *run) storeAt(who int) *store { return &x.stores[who-len(x.servers)-len(x.agents)-1] }

// storeMoves lists what happens to the journal's machines. What is promised depends on
// how many disks are at fault at a time, so that this is bounded:
//
//   - One machine is out of reach, and one disk lies, at a time: less than a majority.
//   - Any number is without room: where less than a majority can write, no append gets
//     through, be it waited for or not (takes).
//   - A disk that lied loses power only while the two others have everything: else a
//     majority could form that does not know of what was acknowledged.
//   - A record is damaged on one disk at a time: the others have it whole.
//   - The journal as a whole loses acknowledged records only when every server was told
//     of one of them: each can know then that they are missing.
func (x *run) storeMoves(add func(moveKind, int, int)) {
	first := len(x.servers) + len(x.agents) + 1
	for k := range x.stores {
		s := &x.stores[k]
		x.storeIlls(first+k, s, add)
		if s.has != x.tail && s.ills&(cut|full) == 0 {
			add(mReplicate, first+k, 0)
		}
		if !s.ills.has(lying) || x.others(k) {
			add(mStorePower, first+k, 0)
		}
	}
	if x.gone != nil {
		add(mMend, first-1, int(short))
		return
	}
	if x.tail.parent != nil && !x.tail.read {
		add(mTearJournal, 0, 0)
	}
	if x.torn == 0 && x.seenByAll() != nil {
		add(mCutJournal, first-1, 0)
	}
}

func (x *run) storeIlls(who int, s *store, add func(moveKind, int, int)) {
	sick := func(i ills) bool {
		return slices.ContainsFunc(x.stores, func(s store) bool { return s.ills.has(i) })
	}
	for _, ill := range [...]ills{cut, full, rotten} {
		if s.ills.has(ill) {
			add(mMend, who, int(ill))
		}
	}
	if !s.ills.has(full) {
		add(mFillStore, who, 0)
	}
	if !sick(cut) {
		add(mCutStore, who, 0)
	}
	if !sick(lying) {
		add(mStoreLies, who, 0)
	}
	for back := 0; !sick(rotten) && back <= 64 && uint64(back) < s.has.mark.N; back = 4*back + 1 {
		add(mRot, who, back)
	}
}

// others tells whether the other machines have all of the journal.
func (x *run) others(k int) bool {
	for o := range x.stores {
		if o != k && x.stores[o].has != x.tail {
			return false
		}
	}
	return true
}

// takes tells whether the journal takes an append: there is room, and a majority can
// write. One that is refused stands nowhere; one that nobody waits for stays under way
// until then.
func (x *run) takes() bool { return !x.full && x.writable() }

// writable tells whether a majority of the journal's machines can write.
func (x *run) writable() bool {
	n := 0
	for k := range x.stores {
		n += int(bit(x.stores[k].ills&(cut|full) == 0))
	}
	return x.stores == nil || n >= majority || x.in.Bug == FullTrusted
}

// write has a majority of the machines write the journal's last record, those first that
// have what comes before; the others follow later.
func (x *run) write() {
	most := majority
	if x.in.Bug == OneDisk {
		most = 1
	}
	for _, behind := range [...]bool{false, true} {
		for k := range x.stores {
			s := &x.stores[k]
			switch {
			case most == 0 || s.ills.has(cut) || s.has == x.tail || (s.has != x.tail.parent) != behind:
			case !s.ills.has(full):
				s.store(x.tail)
				most--
			case x.in.Bug == FullTrusted:
				most--
			}
		}
	}
	if x.stores != nil && most > 0 {
		x.violate("record %d was taken by a journal of which less than a majority can write", x.tail.mark.N)
	}
}

// store takes all records up to one.
func (s *store) store(r *record) {
	if s.has = r; !s.ills.has(lying) {
		s.safe = r
	}
}

// dropped notes that the journal's last record is gone, of which nobody was told.
func (x *run) dropped(r *record) {
	for k := range x.stores {
		s := &x.stores[k]
		if s.has == r {
			s.has = r.parent
		}
		if s.safe == r {
			s.safe = r.parent
		}
		if s.rotten == r {
			s.rotten, s.ills = nil, s.ills&^rotten
		}
	}
}

// agree finds what the machines that are within reach have of the journal: that is what
// is left of it.
func (x *run) agree() {
	best := (*record)(nil)
	for k := range x.stores {
		s := &x.stores[k]
		if !s.ills.has(cut) && (best == nil || s.has.mark.N > best.mark.N) {
			best = s.has
		}
	}
	for best != nil && x.tail.mark.N > best.mark.N {
		if x.tail.read {
			x.violate("record %d was acknowledged, and is lost: it stood on too few of the journal's disks", x.tail.mark.N)
		}
		x.tail = x.tail.parent
	}
}

// storeMove makes a move of the journal's machines.
func (x *run) storeMove(m move) {
	who := int(m.a)
	switch m.kind {
	case mReplicate:
		x.storeAt(who).store(x.tail)
	case mStoreLies:
		x.storeAt(who).ills |= lying
	case mFillStore:
		x.storeAt(who).ills |= full
	case mCutStore:
		x.storeAt(who).ills |= cut
		x.agree()
	case mStorePower:
		s := x.storeAt(who)
		s.has, s.ills = s.safe, s.ills&^lying
		x.agree()
	case mRot:
		s := x.storeAt(who)
		s.rotten, s.ills = s.has, s.ills|rotten
		for range m.b {
			s.rotten = s.rotten.parent
		}
	case mTearJournal:
		seq := x.tail.mark.Seq
		x.powerLoss()
		x.torn = seq - x.tail.mark.Seq
	case mCutJournal:
		x.cutJournal()
	}
}

// seenByAll is a record of which every server was told, the newest one; nil when there
// is none that can be lost.
func (x *run) seenByAll() *record {
	least := x.tail
	for _, s := range x.servers {
		if s.seen == nil {
			return nil
		}
		if s.seen.mark.N < least.mark.N {
			least = s.seen
		}
	}
	if least.parent == nil {
		return nil
	}
	return least
}

// cutJournal has a majority of disks lose what they called safe: a record of which every
// server knows, and all after it.
func (x *run) cutJournal() {
	x.gone, x.late = x.tail, nil
	x.tail = x.seenByAll().parent
	for k := range x.stores {
		x.stores[k].has, x.stores[k].safe = x.tail, x.tail
	}
}

// mendStore ends an ill of a machine of the journal, or (short) restores what it has
// lost from a copy. Servers that have stopped for it may start again.
func (x *run) mendStore(who int, ill ills) {
	if ill == short {
		x.tail, x.gone = x.gone, nil
		for k := range x.stores {
			x.stores[k].store(x.tail)
		}
	} else {
		s := x.storeAt(who)
		if s.ills &^= ill; ill == rotten {
			s.rotten = nil
		}
	}
	for i, s := range x.servers {
		if s.stopped {
			x.server(i).stopped = false
		}
	}
}

// known is the journal's last sequence as a server counts its entries.
func (x *run) known() uint64 {
	if x.in.Bug == TornUncounted {
		return x.tail.mark.Seq
	}
	return x.end()
}

// legible is the last record that a server finds in the journal, which it reads behind
// one that it knows, or (nil) from the beginning. Where a record is damaged, or the
// journal ends before one of which the server was told, it stops instead.
func (x *run) legible(i int, known *record) (last *record, ok bool) {
	s := x.servers[i]
	switch {
	case x.stores == nil:
		return x.tail, true
	case s.seen != nil && s.seen.mark.N > x.tail.mark.N && x.in.Bug != CutIgnored:
		x.say("the journal ends at record %d, although record %d was acknowledged", x.tail.mark.N, s.seen.mark.N)
		x.stop(i)
		return nil, false
	}
	bad := x.readFrom(i).rotten
	switch {
	case bad == nil || bad.mark.N > x.tail.mark.N || known != nil && bad.mark.N <= known.mark.N:
		return x.tail, true
	case x.in.Bug == DamageSkipped:
		x.say("what follows record %d is passed over", bad.parent.mark.N)
		return bad.parent, true
	}
	x.say("record %d is damaged: what follows record %d is not its continuation", bad.mark.N, bad.parent.mark.N)
	x.stop(i)
	return nil, false
}

// readFrom is the machine of the journal from which a server reads: its own, or the next
// one that is within reach and has all.
func (x *run) readFrom(i int) *store {
	for k := range stores {
		if s := &x.stores[(i+k)%stores]; !s.ills.has(cut) && s.has == x.tail {
			return s
		}
	}
	return &x.stores[i%stores]
}

// stop ends a server that does not trust the journal.
func (x *run) stop(i int) {
	if x.servers[i].up {
		x.happen("server stops: the journal is damaged")
		x.crash(i)
	} else {
		x.happen("server does not start: the journal is damaged")
	}
	x.server(i).stopped = true
}
