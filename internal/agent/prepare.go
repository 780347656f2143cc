package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"drover.dev/api"
	"drover.dev/internal/artifact"
	"drover.dev/internal/driver"
)

// A rejection is a fault that trying again on this node does not mend.
type rejection struct{ err error }

func (r *rejection) Error() string { return r.err.Error() }
func (r *rejection) Unwrap() error { return r.err }

func reject(format string, args ...any) error { return &rejection{fmt.Errorf(format, args...)} }

// prepared is what preparing an attempt found out.
type prepared struct {
	ports   []api.Port
	bytesIn api.Bytes // fetched, cache hits apart
}

// supplier puts inputs into place.
type supplier struct {
	cache *artifact.Cache
	store Store
}

// prepare makes the attempt's directory with all that the task needs to start.
func (n *node) prepare(ctx context.Context, as *api.Assignment) (p prepared, err error) {
	if err := n.admit(as); err != nil {
		return p, err
	}
	dir, err := n.dirs.fresh(as.Attempt)
	if err != nil {
		return p, fmt.Errorf("make the task's directory: %w", err)
	}
	if p.bytesIn, err = n.supplier.inputs(ctx, dir, as); err != nil {
		return p, err
	}
	if err := n.secretFiles(dir, as.Task); err != nil {
		return p, err
	}
	if err := scratch(dir, as.Task); err != nil {
		return p, err
	}
	p.ports, err = choosePorts(as.Task.Ports)
	return p, err
}

// admit rejects at once what this node cannot run.
func (n *node) admit(as *api.Assignment) error {
	t := as.Task
	if _, ok := n.drivers[t.Driver]; !ok {
		return reject("this node has no driver %q", t.Driver)
	}
	if _, err := n.secretEnv(t); err != nil {
		return err
	}
	_, err := n.mounts(n.dirs.task(as.Attempt), t)
	return err
}

// inputs fetches the program and all inputs of the task into dir.
func (s *supplier) inputs(ctx context.Context, dir string, as *api.Assignment) (fetched api.Bytes, err error) {
	in := filepath.Join(dir, driver.In)
	if err := os.Mkdir(in, 0o755); err != nil {
		return 0, err
	}
	// Through a Root no path and no link leads out of it.
	root, err := os.OpenRoot(in)
	if err != nil {
		return 0, err
	}
	defer func() { _ = root.Close() }()
	share := as.Task.Driver == api.DriverWASM
	for i := range as.Inputs {
		n, err := s.input(ctx, root, &as.Inputs[i], share)
		if err != nil {
			return fetched, fmt.Errorf("input %q: %w", as.Inputs[i].Path, err)
		}
		fetched += n
	}
	if as.Task.Artifact == nil {
		return fetched, nil
	}
	n, err := s.program(ctx, dir, as.Task)
	return fetched + n, err
}

func (s *supplier) input(ctx context.Context, root *os.Root, in *api.Supply, share bool) (api.Bytes, error) {
	if !filepath.IsLocal(in.Path) || in.Path == "." {
		return 0, reject("the path leaves the input directory")
	}
	if err := root.MkdirAll(filepath.Dir(in.Path), 0o755); err != nil {
		return 0, reject("%w", err)
	}
	if in.Digest == "" {
		f, err := root.OpenFile(in.Path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o444)
		if err != nil {
			return 0, reject("%w", err)
		}
		_, err = f.Write(in.Inline)
		return 0, errors.Join(err, f.Close())
	}
	return s.place(ctx, root, in.Path, in.Digest, share, 0o444)
}

func (s *supplier) program(ctx context.Context, dir string, t *api.Task) (api.Bytes, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	defer func() { _ = root.Close() }()
	n, err := s.place(ctx, root, programName, t.Artifact.Digest, t.Driver == api.DriverWASM, 0o555)
	if err != nil {
		return n, fmt.Errorf("program: %w", err)
	}
	return n, nil
}

// place puts an artifact at path. A WASM task cannot change what it is shown, so
// it may share the cache's file; a process could, so it gets a copy.
func (s *supplier) place(ctx context.Context, root *os.Root, path string, d api.Digest, share bool, mode os.FileMode) (api.Bytes, error) {
	digest, err := artifact.Parse(string(d))
	if err != nil {
		return 0, reject("%w", err)
	}
	fetched, release, err := s.cached(ctx, digest)
	if err != nil {
		return fetched, err
	}
	defer release()
	if share {
		from, err := s.cache.Path(ctx, digest)
		if err == nil && os.Link(from, filepath.Join(root.Name(), path)) == nil {
			return fetched, nil
		}
	}
	return fetched, s.copy(ctx, root, path, digest, mode)
}

func (s *supplier) copy(ctx context.Context, root *os.Root, path string, d artifact.Digest, mode os.FileMode) error {
	from, _, err := s.cache.Open(ctx, d)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	to, err := root.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return reject("%w", err)
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// cached brings an artifact into the cache and pins it there until release.
func (s *supplier) cached(ctx context.Context, d artifact.Digest) (fetched api.Bytes, release func(), err error) {
	for range 3 { // it may be evicted between being put and being pinned
		if release, err = s.cache.Pin(d); err == nil || !errors.Is(err, artifact.ErrNotFound) {
			return fetched, release, err
		}
		n, err := s.fetch(ctx, d)
		fetched += n
		if err != nil {
			return fetched, nil, err
		}
	}
	return fetched, nil, fmt.Errorf("the cache is too small for what is being prepared: %w", err)
}

func (s *supplier) fetch(ctx context.Context, d artifact.Digest) (api.Bytes, error) {
	body, err := s.store.Fetch(ctx, api.Digest(d))
	if errors.Is(err, ErrNoArtifact) {
		return 0, reject("%w", err)
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = body.Close() }()
	_, n, err := s.cache.Put(ctx, body, d)
	var large *artifact.TooLargeError
	if errors.As(err, &large) {
		return 0, reject("%w: raise the size of the artifact cache", err)
	}
	return api.Bytes(n), err // a mismatch is tried again: it may have been cut on its way
}

// resultOf is the end of an attempt that never started, because of err.
func rejected(reason string, err error) api.Result {
	return api.Result{Outcome: api.OutcomeRejected, Reason: reason, Detail: err.Error()}
}

func since(start time.Time) api.Duration { return api.Duration(time.Since(start)) }
