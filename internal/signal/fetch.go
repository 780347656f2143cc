package signal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"drover.dev/api"
)

// Client asks feeds. The zero value works.
type Client struct {
	HTTP  *http.Client                                     // default: a careful one, see reach.go
	Sleep func(ctx context.Context, d time.Duration) error // default: as long as it says
	Now   func() time.Time                                 // default: the machine's clock
}

// Fetch asks a feed once, with further tries when the source is busy or out of reach:
// after one second, then twice as long each time, give or take half. A source that says
// how long to wait is left alone for so long; when that is more than a minute, until the
// feed is due again.
func (c *Client) Fetch(ctx context.Context, f *Feed) (*Reading, error) {
	var err error
	pause := time.Second
	for try := range f.Tries {
		if try > 0 {
			wait := pause/2 + rand.N(pause)
			var again *againError
			if errors.As(err, &again); again.after > 0 {
				wait = again.after + rand.N(time.Second)
			}
			if err := c.sleep(ctx, wait); err != nil {
				return nil, err
			}
			pause *= 2
		}
		var r *Reading
		if r, err = c.once(ctx, f); err == nil {
			return r, nil
		}
		var again *againError
		if !errors.As(err, &again) || again.after > time.Minute || ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("feed %s: %w", f.Name, err)
}

// againError is one that may be gone with the next try.
type againError struct {
	error
	after time.Duration
}

func (e *againError) Unwrap() error { return e.error }

func (c *Client) once(ctx context.Context, f *Feed) (*Reading, error) {
	ctx, stop := context.WithTimeout(ctx, f.Timeout.std())
	defer stop()
	now := c.now()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.address(now), nil)
	if err != nil {
		return nil, errors.New("its URL cannot be asked")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "drover")
	var secrets []string
	for name, secret := range f.Headers {
		v, err := secret.value()
		if err != nil {
			return nil, err
		}
		req.Header.Set(name, v)
		secrets = append(secrets, v)
	}
	for _, v := range f.With { // some sources want their key in the URL
		secrets = append(secrets, v)
	}
	resp, err := c.client().Do(req)
	if err != nil {
		return nil, &againError{fmt.Errorf("%s does not answer: %w", req.URL.Host, plain(err)), 0}
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(io.LimitReader(resp.Body, f.MaxBytes+1))
	switch {
	case err != nil:
		return nil, &againError{fmt.Errorf("%s broke off: %w", req.URL.Host, plain(err)), 0}
	case int64(len(body)) > f.MaxBytes:
		return nil, fmt.Errorf("%s answers with more than %d bytes", req.URL.Host, f.MaxBytes)
	case resp.StatusCode != http.StatusOK:
		return nil, refused(req.URL.Host, resp, without(secrets, string(body)))
	}
	return f.read(body, api.Time(now.UnixNano()))
}

// plain drops the URL of a request's error: it may hold what is nobody's business.
func plain(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// without takes secrets out of what a source says: some repeat the key that they refuse.
// Words of less than six letters are no keys.
func without(secrets []string, said string) string {
	for _, v := range secrets {
		for _, form := range [...]string{v, url.QueryEscape(v), v[strings.LastIndexByte(v, ' ')+1:]} {
			if len(form) >= 6 {
				said = strings.ReplaceAll(said, form, "…")
			}
		}
	}
	return said
}

// refused says what a source answered instead of values.
func refused(host string, resp *http.Response, body string) error {
	said := strings.Join(strings.Fields(body[:min(len(body), 400)]), " ")
	err := fmt.Errorf("%s answers %d: %.160s", host, resp.StatusCode, said)
	switch {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%s refuses the key (%d): set it in the feed's headers", host, resp.StatusCode)
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return &againError{err, time.Duration(min(max(seconds, 0), 24*3600)) * time.Second}
	}
	return err
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c *Client) client() *http.Client {
	if c.HTTP != nil {
		return c.HTTP
	}
	return careful()
}

func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
