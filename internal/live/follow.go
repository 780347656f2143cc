package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"drover.dev/internal/control"
	"drover.dev/internal/journal"
)

// A follower reads the journal in pieces of about so much. In memory a record takes
// several times its bytes, and two pieces may be there at a time: one is read while
// the shadow folds the other.
const (
	pieceRecords = 4096
	pieceBytes   = 4 << 20
)

// connected tells whether the journal can be reached at all.
func (c *Cell) connected() bool { return c.cluster.sole || c.nc.Status() == nats.CONNECTED }

// follow reads what another server has written, unless that is under way.
func (l *leader) follow(ctx context.Context) {
	if l.rules.Phase == control.Following && !l.reading && !l.cell.cluster.sole && l.cell.connected() {
		l.readFrom(ctx, l.rules.Acked.Seq+1)
	}
}

// followed folds what was read.
func (l *leader) followed(ctx context.Context, r readBack) error {
	if r.err != nil {
		l.cell.log.Debug("the journal cannot be followed at the moment", "error", r.err)
		l.behind = false
		return nil
	}
	for _, a := range l.rules.Handle(r.found) {
		f, ok := a.(control.Fold)
		if !ok {
			continue
		}
		l.cell.cluster.began(f.Mark.Epoch)
		if err := l.foldIn(ctx, r.folds[f.Mark.Seq]); err != nil {
			return err
		}
	}
	if r.more {
		l.follow(ctx)
	} else {
		l.cell.following()
	}
	return nil
}

// checked is what the journal's last sequence was, when it was asked.
type checked struct {
	at    time.Time
	acked uint64 // the last entry known to stand then
	last  uint64
	err   error
}

// check asks, when nothing is appended anyway, whether this server still leads.
func (l *leader) check(ctx context.Context) {
	if l.rules.Phase != control.Leading || l.checking || l.cell.cluster.sole {
		return
	}
	l.checking = true
	k := checked{at: time.Now(), acked: l.rules.Acked.Seq}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	go func() {
		defer cancel()
		k.last, k.err = l.cell.journal.Last(ctx)
		l.checked <- k
	}()
}

// confirmed takes the answer. An append that was begun meanwhile gives its own. Where the
// journal has become shorter no answer confirms, so that a server falls mute by itself: an
// old replica may answer once, before the next check hears another.
func (l *leader) confirmed(ctx context.Context, k checked) error {
	l.checking = false
	switch {
	case k.err != nil:
		l.cell.log.Debug("it cannot be confirmed that this server leads", "error", k.err)
	case k.last < k.acked: // not even this server's own records stand there: it must not act on them
		if !l.shorter {
			l.cell.log.Error("the journal was made shorter than what was acknowledged: nothing is confirmed any more; "+
				"bring the journal back, or stop this server and see drover verify", "ends", k.last, "acknowledged", k.acked)
		}
		l.shorter = true
	case k.last > l.rules.Acked.Seq && l.rules.Phase == control.Leading:
		return l.handle(ctx, control.Overtaken{})
	case k.last <= l.rules.Acked.Seq && l.rules.Phase != control.Following:
		l.shorter = false
		l.cell.cluster.confirm(k.at)
	}
	return nil
}

// behindError says that a server was away for too long to follow.
type behindError struct{ have, first uint64 }

func (e *behindError) Error() string {
	return fmt.Sprintf("this server has read the journal up to entry %d, and was away while it was shortened to begin at %d: "+
		"start it again, it gets what it missed from the other servers", e.have, e.first)
}

// missed explains a hole behind what this server has read: the others may have
// shortened the journal meanwhile.
func (c *Cell) missed(ctx context.Context, from uint64, err error) error {
	var hole *journal.HoleError
	if !errors.As(err, &hole) || c.cluster.sole {
		return err
	}
	if first, ferr := c.journal.First(ctx); ferr == nil && first > from {
		return &behindError{from - 1, first}
	}
	return err
}
