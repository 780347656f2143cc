package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"drover.dev/api"
)

// Upload stores a file as an artifact, unless the cell has it already, and
// returns its name and size.
func (c *Client) Upload(ctx context.Context, path string) (api.Stored, error) {
	f, err := os.Open(path)
	if err != nil {
		return api.Stored{}, fmt.Errorf("upload: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return api.Stored{}, fmt.Errorf("upload %s: it is a directory, an artifact is one file", path)
	}
	s, err := c.UploadFrom(ctx, f)
	if err != nil {
		return s, fmt.Errorf("upload %s: %w", path, err)
	}
	return s, nil
}

// UploadFrom is Upload of what r gives from its present place on. It reads r
// twice: the name comes first.
func (c *Client) UploadFrom(ctx context.Context, r io.ReadSeeker) (api.Stored, error) {
	begin, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return api.Stored{}, err
	}
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return api.Stored{}, fmt.Errorf("read: %w", err)
	}
	s := api.Stored{Digest: api.Digest("sha256:" + hex.EncodeToString(h.Sum(nil))), Size: api.Bytes(n)}
	if has, err := c.Has(ctx, s.Digest); has || err != nil {
		return s, err
	}
	return s, c.transfer(ctx, func(ctx context.Context, progress func()) error {
		if _, err := r.Seek(begin, io.SeekStart); err != nil {
			return err
		}
		// NopCloser: the transport would close what the next try needs.
		body := io.NopCloser(&counted{io.LimitReader(r, n), progress})
		k := newCall("PUT", "artifacts", string(s.Digest))
		k.header.Set("Content-Type", "application/octet-stream")
		res, err := c.send(ctx, k, body, n)
		if err != nil {
			return err
		}
		return res.Body.Close()
	})
}

// Has reports whether the cell's store holds an artifact.
func (c *Client) Has(ctx context.Context, d api.Digest) (bool, error) {
	_, err := c.do(ctx, newCall("HEAD", "artifacts", string(d)), nil)
	if NotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// Download writes an artifact to w and checks that its bytes are what the
// digest says. After an error w may hold a part of it.
func (c *Client) Download(ctx context.Context, d api.Digest, w io.Writer) error {
	h := sha256.New()
	var done int64
	err := c.transfer(ctx, func(ctx context.Context, progress func()) error {
		k := newCall("GET", "artifacts", string(d))
		if done > 0 {
			k.header.Set("Range", fmt.Sprintf("bytes=%d-", done))
		}
		res, err := c.send(ctx, k, nil, 0)
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		if done > 0 && res.StatusCode != http.StatusPartialContent {
			return fmt.Errorf("the server began anew instead of at byte %d", done)
		}
		in := &counted{res.Body, progress}
		out := &tee{w: io.MultiWriter(w, h)}
		n, err := io.Copy(out, in)
		done += n
		if err != nil && out.err == nil {
			return &UnreachableError{c.Server(), err}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("download %s: %w", d, err)
	}
	if got := "sha256:" + hex.EncodeToString(h.Sum(nil)); got != string(d) {
		return fmt.Errorf("download %s: the bytes that came are %s", d, got)
	}
	return nil
}

// transfer tries until it is done, or Timeout passes without progress.
func (c *Client) transfer(ctx context.Context, try func(ctx context.Context, progress func()) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := time.AfterFunc(c.config.Timeout, func() {
		cancel(&UnreachableError{c.Server(), fmt.Errorf("nothing moved for %s", c.config.Timeout)})
	})
	defer idle.Stop()
	return c.retry(ctx, func(ctx context.Context) error {
		ctx, stop := c.watched(ctx)
		defer stop()
		return try(ctx, func() { idle.Reset(c.config.Timeout) })
	})
}

// counted tells of each part that was read.
type counted struct {
	r        io.Reader
	progress func()
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	if n > 0 {
		c.progress()
	}
	return n, err
}

// tee remembers an error of its writer, to tell it from one of the reader.
type tee struct {
	w   io.Writer
	err error
}

func (t *tee) Write(b []byte) (int, error) {
	n, err := t.w.Write(b)
	t.err = err
	return n, err
}
