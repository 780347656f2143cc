package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Objects is a Store that several servers share: a bucket of JetStream's object
// store, replicated like the journal. What passes through is kept as files here,
// too: content is checked against its digest on its way in and on its way out of
// the bucket, and read again without the network.
//
// Whether an artifact is there is always asked of the bucket.
type Objects struct {
	bucket jetstream.ObjectStore
	files  *Files
	// publish keeps a sweep of this server from removing what a Put of this server
	// has just renewed. That a Put through another server falls into the same
	// instant is noticed by that Put, which looks again.
	publish sync.Mutex
}

var _ Store = (*Objects)(nil)

const (
	chunk     = 512 << 10 // bytes of a message: each is synced
	metaWait  = 10 * time.Second
	slowest   = 1 << 20 // bytes a second that a transfer must make at least
	transfers = 10 * time.Second
	putTries  = 3
	getTries  = 3 // of which each may take twice as long as the one before
	getWait   = 3 * time.Second
)

// OpenObjects opens or creates the bucket of a cell, with so many replicas (1, 3
// or 5). The files stay the caller's to sweep; Close closes them.
func OpenObjects(ctx context.Context, nc *nats.Conn, cell string, replicas int, files *Files) (*Objects, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("open artifact store: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, metaWait)
	defer cancel()
	bucket, err := js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{
		Bucket: "drover-artifacts-" + cell, Description: "artifacts of cell " + cell,
		Storage: jetstream.FileStorage, Replicas: max(replicas, 1),
	})
	if err != nil {
		return nil, fmt.Errorf("open artifact store: %w: check that the NATS server has JetStream and room", err)
	}
	return &Objects{bucket: bucket, files: files}, nil
}

// Close gives the files up; the bucket stays.
func (o *Objects) Close() error { return o.files.Close() }

// Put implements Store: into a file, which checks the content, then into the
// bucket.
func (o *Objects) Put(ctx context.Context, r io.Reader, want Digest) (Digest, int64, error) {
	d, n, err := o.files.Put(ctx, r, want)
	if err != nil {
		return "", 0, err
	}
	for range putTries {
		if err = o.share(ctx, d, n); err != nil {
			break
		}
		if _, err = o.info(ctx, d); !errors.Is(err, ErrNotFound) {
			break // else it was swept in that instant
		}
	}
	if err != nil {
		return "", 0, fmt.Errorf("put artifact %s: %w", d, err)
	}
	return d, n, nil
}

// share brings a file into the bucket, or renews what is there.
func (o *Objects) share(ctx context.Context, d Digest, size int64) error {
	o.publish.Lock()
	info, err := o.info(ctx, d)
	if err == nil && info.Size == uint64(size) {
		defer o.publish.Unlock()
		return refusal(o.bucket.UpdateMeta(ctx, d.Hex(), info.ObjectMeta))
	}
	o.publish.Unlock()
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	file, _, err := o.files.open(d)
	if err != nil {
		return err
	}
	defer file.Close()
	ctx, cancel := context.WithTimeout(ctx, transfers+passing(size))
	defer cancel()
	_, err = o.bucket.Put(ctx, jetstream.ObjectMeta{
		Name: d.Hex(), Opts: &jetstream.ObjectMetaOptions{ChunkSize: chunk},
	}, file)
	return refusal(err)
}

// passing is how long so many bytes may take on their way.
func passing(size int64) time.Duration { return time.Duration(size/slowest) * time.Second }

func (o *Objects) info(ctx context.Context, d Digest) (*jetstream.ObjectInfo, error) {
	if _, err := Parse(string(d)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, metaWait)
	defer cancel()
	info, err := o.bucket.GetInfo(ctx, d.Hex())
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil, ErrNotFound
	}
	return info, refusal(err)
}

// Open implements Store. What is not here as a file is fetched first.
func (o *Objects) Open(ctx context.Context, d Digest) (io.ReadSeekCloser, int64, error) {
	if err := o.fetch(ctx, d); err != nil {
		return nil, 0, fmt.Errorf("open artifact %.80s: %w", d, err)
	}
	return o.files.Open(ctx, d)
}

// Path gives a file that holds d, for readers that need a path. The file is
// read-only and must stay as it is.
func (o *Objects) Path(ctx context.Context, d Digest) (string, error) {
	if err := o.fetch(ctx, d); err != nil {
		return "", fmt.Errorf("find artifact %.80s: %w", d, err)
	}
	return o.files.Path(ctx, d)
}

// fetch makes sure that there is a file, whose content is what its name says.
func (o *Objects) fetch(ctx context.Context, d Digest) error {
	if _, err := o.files.Stat(ctx, d); !errors.Is(err, ErrNotFound) {
		return err
	}
	wait := getWait
	for tries := 1; ; tries++ {
		err := o.fetchOnce(ctx, d, wait)
		if tries == getTries || !errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		wait *= 2
	}
}

// fetchOnce waits for so long, and for the content to pass. Whoever sends it may be
// gone in the middle without a word, when a cluster changes its leader.
func (o *Objects) fetchOnce(ctx context.Context, d Digest, wait time.Duration) error {
	info, err := o.info(ctx, d)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, wait+passing(int64(min(info.Size, 1<<40))))
	defer cancel()
	object, err := o.bucket.Get(ctx, d.Hex())
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return ErrNotFound
	}
	if err != nil {
		return refusal(err)
	}
	_, _, err = o.files.Put(ctx, object, d)
	if broken := object.Error(); broken != nil && !errors.Is(broken, jetstream.ErrDigestMismatch) {
		err = refusal(broken) // only a part came
	}
	return errors.Join(err, object.Close())
}

// Stat implements Store.
func (o *Objects) Stat(ctx context.Context, d Digest) (Info, error) {
	info, err := o.info(ctx, d)
	if err != nil {
		return Info{}, fmt.Errorf("stat artifact %.80s: %w", d, err)
	}
	return Info{Size: int64(info.Size), Modified: info.ModTime}, nil
}

// Delete implements Store.
func (o *Objects) Delete(ctx context.Context, d Digest) error {
	if err := o.files.Delete(ctx, d); err != nil {
		return err
	}
	if err := o.bucket.Delete(ctx, d.Hex()); err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
		return fmt.Errorf("delete artifact %s: %w", d, refusal(err))
	}
	return nil
}

// Sweep removes files of this server, as [Files.Sweep] does; the bucket is not
// touched.
func (o *Objects) Sweep(live func(Digest) bool, olderThan time.Time) (Swept, error) {
	return o.files.Sweep(live, olderThan)
}

// SweepBucket removes every artifact from the bucket that live does not know and
// that was last put before olderThan. Only one server may do so at a time: the
// one that leads.
func (o *Objects) SweepBucket(ctx context.Context, live func(Digest) bool, olderThan time.Time) (s Swept, err error) {
	list, err := o.bucket.List(ctx)
	if errors.Is(err, jetstream.ErrNoObjectsFound) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("sweep artifacts: %w", refusal(err))
	}
	var failed []error
	for _, info := range list {
		d, err := Parse(scheme + info.Name)
		if err != nil || live(d) || !info.ModTime.Before(olderThan) {
			continue
		}
		switch gone, err := o.removeOlder(ctx, d, olderThan); {
		case err != nil:
			failed = append(failed, err)
		case gone:
			s.Artifacts++
			s.Bytes += int64(info.Size)
		}
	}
	if err := errors.Join(failed...); err != nil {
		return s, fmt.Errorf("sweep artifacts: %w", err)
	}
	return s, nil
}

func (o *Objects) removeOlder(ctx context.Context, d Digest, olderThan time.Time) (bool, error) {
	o.publish.Lock()
	defer o.publish.Unlock()
	info, err := o.info(ctx, d)
	if errors.Is(err, ErrNotFound) || err == nil && !info.ModTime.Before(olderThan) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, refusal(o.bucket.Delete(ctx, d.Hex()))
}

// Codes by which JetStream says that a limit on its storage is reached.
const (
	codeInsufficient jetstream.ErrorCode = 10023
	codeStorage      jetstream.ErrorCode = 10047
	codeAccount      jetstream.ErrorCode = 10002
)

// refusal says why the bucket does not do what it is told: it is full, or cannot
// be reached.
func refusal(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	var api *jetstream.APIError
	if errors.As(err, &api) && (api.ErrorCode == codeInsufficient || api.ErrorCode == codeStorage || api.ErrorCode == codeAccount) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
