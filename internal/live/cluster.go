package live

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"drover.dev/api"
	"drover.dev/internal/control"
)

// How the servers of a cell hear of each other. Another leads within 5 s of the
// leader's death: patience, spread, and what it takes to append one record.
const (
	signEvery   = 500 * time.Millisecond
	signLeast   = 5 * time.Millisecond // between two signs, however much happens
	patience    = 2 * time.Second
	forgetAfter = 10 * time.Minute // a server that was not heard of for so long is not waited for
	maxServers  = 16               // that are remembered
)

// sign is what a server says of itself, sealed with the cell's secret.
type sign struct {
	ID       string `cbor:"1,keyasint"` // of this life of the server, unlike that of any other
	Name     string `cbor:"2,keyasint,omitempty"`
	URL      string `cbor:"3,keyasint,omitempty"`
	Build    string `cbor:"4,keyasint,omitempty"`
	Epoch    uint64 `cbor:"5,keyasint,omitempty"`
	Seq      uint64 `cbor:"6,keyasint,omitempty"` // of the journal, that it knows
	Archived uint64 `cbor:"7,keyasint,omitempty"` // number of the last record in its archive
	Leads    bool   `cbor:"8,keyasint,omitempty"`
	Leaves   bool   `cbor:"9,keyasint,omitempty"`
	Link     uint64 `cbor:"10,keyasint,omitempty"` // connections to the bus that it has lost: answers may be lost with them
}

// cluster is what a server knows of the others of its cell, and of its own place
// among them. With the embedded bus there are no others.
type cluster struct {
	cell  *Cell
	id    string
	sole  bool
	start time.Time // monotonic times count from here

	mu        sync.Mutex
	election  *control.Election
	peers     map[string]fellow
	leads     uint64        // epoch; 0: follows
	confirmed time.Time     // until when it is certain that nobody else leads
	link      uint64        // as in sign
	followed  bool          // it has read the journal to its end behind a leader
	changed   chan struct{} // closed and replaced when nobody is to wait for the leader any more

	news chan struct{} // of capacity 1, for the leader's loop: look at the journal, or campaign
	say  chan struct{} // of capacity 1: something is worth a sign
}

// fellow is another server.
type fellow struct {
	sign
	at time.Time
}

func newCluster(c *Cell) *cluster {
	return &cluster{
		cell: c, id: c.cfg.Name + "-" + rand.Text()[:8], sole: c.bus != nil, start: time.Now(), peers: map[string]fellow{},
		changed: make(chan struct{}), news: make(chan struct{}, 1), say: make(chan struct{}, 1),
	}
}

// begin starts the election behind what the journal holds.
func (s *cluster) begin(epoch uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sole {
		s.election = control.NewSole(epoch)
		return
	}
	s.election = control.NewElection(s.id, control.Terms{
		Patience: api.Duration(patience), First: api.Duration(2 * signEvery), Spread: api.Duration(patience / 4),
	}, epoch, s.now())
}

func (s *cluster) now() api.Duration { return api.Duration(time.Since(s.start)) }

// poke fills a channel of capacity 1.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// turned wakes those who wait for the leader: it may be another one, or not have
// heard, or its answer may be lost. mu is held.
func (s *cluster) turned() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// tick lets time pass, and tells when to campaign.
func (s *cluster) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.election.Tick(s.now()) {
		s.cell.log.Warn("the leader is not heard of any more", "epoch", s.election.Epoch())
		s.turned()
	}
	if lost := s.cell.nc.Stats().Reconnects; lost != s.link {
		s.link = lost
		s.turned()
	}
}

// untilDue is how long until this server may campaign.
func (s *cluster) untilDue() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Duration(s.election.Due() - s.now())
}

// won notes that this server leads.
func (s *cluster) won(epoch uint64, at time.Time) {
	s.mu.Lock()
	s.election.Won(epoch)
	s.leads, s.followed = epoch, false
	s.confirmed = at
	s.turned()
	s.mu.Unlock()
	poke(s.say)
}

// lost notes that it leads no more, or that a campaign failed.
func (s *cluster) lost(by uint64, outrun bool) {
	s.mu.Lock()
	s.election.Began(by, s.now())
	s.election.Lost(outrun, s.now())
	s.leads = 0
	s.turned()
	s.mu.Unlock()
	poke(s.say)
}

// began notes an epoch that stands in the journal.
func (s *cluster) began(epoch uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.election.Began(epoch, s.now())
}

// woke notes that the others could not be heard for a while.
func (s *cluster) woke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.election != nil {
		s.election.Woke(s.now())
	}
}

// confirm notes that nobody else led at this time.
func (s *cluster) confirm(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at.After(s.confirmed) {
		s.confirmed = at
	}
}

// acts tells whether this server may act outward: it leads, and has made sure of
// that lately. A leader that was asleep, or is cut off from the journal, does not
// know whether another has taken over.
func (s *cluster) acts() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.actsNow()
}

func (s *cluster) actsNow() bool {
	return s.leads != 0 && (s.sole || time.Since(s.confirmed) < patience)
}

// caughtUp notes that the journal was read to its end.
func (s *cluster) caughtUp() (ready bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	leader := s.election.Leader()
	s.followed = leader != "" && leader != s.id
	return s.followed
}

// role is what this server does: "leader", "follower", or "waiting" for either.
func (s *cluster) role() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch leader := s.election; {
	case s.actsNow():
		return api.RoleLeader
	case leader != nil && s.followed && leader.Leader() != "" && leader.Leader() != s.id:
		return api.RoleFollower
	}
	return api.RoleWaiting
}

// leader is the server that leads, if it is another one that is known; other is
// closed when that changes.
func (s *cluster) leader() (p fellow, known bool, other <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.election != nil {
		p, known = s.peers[s.election.Leader()]
	}
	return p, known, s.changed
}

// signNow is what to say of this server.
func (s *cluster) signNow() sign {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cell
	out := sign{ID: s.id, Name: c.cfg.Name, URL: c.advertised(), Build: c.cfg.Build, Leads: s.actsNow(), Seq: c.last.Load(), Archived: c.archived.Load(), Link: c.nc.Stats().Reconnects}
	if s.election != nil {
		out.Epoch = s.election.Epoch()
	}
	if s.leads != 0 {
		out.Epoch = s.leads
	}
	return out
}

// subject is where servers of the cell speak to each other.
func (s *cluster) subject(what string) string { return "drover.server." + s.cell.cfg.Cell + "." + what }

// run says what this server is, now and then and when something happened, until
// ctx ends; then that it leaves.
func (s *cluster) run(ctx context.Context) {
	every := time.NewTicker(signEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			leaving := s.signNow()
			leaving.Leaves, leaving.Leads = leaving.Leads, false
			s.publish(leaving)
			_ = s.cell.nc.FlushTimeout(signEvery) // else the others wait a little longer
			return
		case <-every.C:
		case <-s.say:
		}
		s.publish(s.signNow())
		select {
		case <-ctx.Done():
		case <-time.After(signLeast):
		}
	}
}

func (s *cluster) publish(v sign) {
	if b, err := s.cell.codec.enc.Marshal(&v); err == nil {
		subject := s.subject("sign")
		_ = s.cell.nc.Publish(subject, s.cell.creds.seal(subject, b)) // without a connection nobody hears it
	}
}

// listen hears the other servers until the subscriptions are ended.
func (s *cluster) listen() ([]*nats.Subscription, error) {
	if s.sole {
		return nil, nil
	}
	var subs []*nats.Subscription
	for subject, serve := range map[string]func(*nats.Msg){
		s.subject("sign"):            s.hear,
		s.subject("do." + s.id):      s.cell.serveDo,
		s.subject("records." + s.id): s.cell.serveRecords,
	} {
		sub, err := s.cell.nc.Subscribe(subject, serve)
		if err != nil {
			return subs, fmt.Errorf("listen to the other servers: %w", err)
		}
		subs = append(subs, sub)
	}
	return subs, nil
}

// hear takes the sign of another server.
func (s *cluster) hear(m *nats.Msg) {
	var v sign
	b, ok := s.cell.creds.unseal(m.Subject, m.Data)
	if !ok || s.cell.codec.dec.Unmarshal(b, &v) != nil {
		s.cell.count.foreign.Add(1)
		return
	}
	if v.ID == s.id {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before, known := s.peers[v.ID]
	s.remember(v)
	if s.election == nil {
		return
	}
	if known && before.Link != v.Link && s.election.Leader() == v.ID {
		s.turned()
	}
	if s.election.Heard(control.Sign{Server: v.ID, Epoch: v.Epoch, Leads: v.Leads, Leaves: v.Leaves}, s.now()) {
		if v.Leads {
			s.cell.log.Info("another server leads", "server", v.Name, "epoch", v.Epoch)
		}
		s.turned()
	}
	if v.Seq > s.cell.last.Load() || v.Epoch > s.leads {
		poke(s.news)
	}
}

// remember notes a server; mu is held. Those not heard of for long are forgotten.
func (s *cluster) remember(v sign) {
	for id, p := range s.peers {
		if time.Since(p.at) > forgetAfter || p.Name == v.Name && p.URL == v.URL && id != v.ID {
			delete(s.peers, id) // gone for long, or started anew
		}
	}
	_, known := s.peers[v.ID]
	if !known && v.Name == s.cell.cfg.Name {
		s.cell.log.Warn("another server of the cell has the same name, so that lists and logs cannot tell them apart: give each its own with --name", "name", v.Name, "url", v.URL)
	}
	if known || len(s.peers) < maxServers {
		s.peers[v.ID] = fellow{v, time.Now()}
	}
}

// archivedByAll is the last record that every server heard of lately has in its
// archive; most when there is no other.
func (s *cluster) archivedByAll(most uint64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.peers { // order-free: a minimum
		if time.Since(p.at) < forgetAfter {
			most = min(most, p.Archived)
		}
	}
	return most
}

// view lists all servers as this one knows them, the leader first.
func (s *cluster) view() []api.ServerView {
	if s.sole {
		return nil
	}
	own := s.signNow()
	role := s.role()
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []api.ServerView{{
		Name: own.Name, URL: own.URL, Version: own.Build, Role: role, Epoch: own.Epoch, Seq: own.Seq, Seen: api.Time(time.Now().UnixNano()),
	}}
	for id, p := range s.peers { // order-free: sorted below
		role := api.RoleFollower
		switch {
		case time.Since(p.at) > 2*patience:
			role = api.RoleSilent
		case id == s.election.Leader():
			role = api.RoleLeader
		}
		list = append(list, api.ServerView{
			Name: p.Name, URL: p.URL, Version: p.Build, Role: role, Epoch: p.Epoch, Seq: p.Seq, Seen: api.Time(p.at.UnixNano()),
		})
	}
	rank := map[string]int{api.RoleLeader: -1}
	slices.SortFunc(list, func(a, b api.ServerView) int {
		return cmp.Or(cmp.Compare(rank[a.Role], rank[b.Role]), cmp.Compare(a.Name, b.Name), cmp.Compare(a.URL, b.URL))
	})
	return list
}
