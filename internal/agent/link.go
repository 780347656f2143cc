package agent

import (
	"context"
	"errors"
	"fmt"
	"io"

	"drover.dev/api"
	"github.com/fxamacker/cbor/v2"
)

// Link carries a node's requests to its server, and the server's to the node.
type Link interface {
	// Request sends body under a verb ("hello", "pull", "report", "beat") and
	// returns the answer. Any error means: try again later.
	Request(ctx context.Context, verb string, body []byte) ([]byte, error)
	// Serve keeps the connection until ctx ends, and tells p of it. It returns
	// an error only when trying again is of no use.
	Serve(ctx context.Context, p Peer) error
}

// Peer is the node as its Link sees it. Its methods return soon.
type Peer interface {
	// Up says that requests can be made, for the first time or again after Down.
	Up()
	// Down says that they cannot.
	Down()
	// Answer takes what the server sent under a verb ("hint", "log") and
	// returns the answer, or nil where none is due.
	Answer(verb string, body []byte) []byte
}

// Store is where artifacts come from and outputs go.
type Store interface {
	// Fetch gives the bytes of an artifact. They are not verified.
	Fetch(ctx context.Context, d api.Digest) (io.ReadCloser, error)
	// Push stores size bytes of r, whose digest is d. An artifact that is
	// there already is not sent.
	Push(ctx context.Context, d api.Digest, size api.Bytes, r io.Reader) error
}

var (
	// ErrNoArtifact says that the store has no such artifact.
	ErrNoArtifact = errors.New("the cell's store has no such artifact")
	// ErrRefused says that the store will not take an artifact, now or later.
	ErrRefused = errors.New("the cell's store refuses the artifact")
	// errDown says that there is no connection now.
	errDown = errors.New("no connection to the server")
)

// maxMessage bounds an answer of the server, in bytes.
const maxMessage = 1 << 20

// codec encodes and decodes messages as canonical CBOR, with limits: what comes
// over the link is not trusted.
type codec struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

func newCodec() (codec, error) {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return codec{}, fmt.Errorf("prepare the wire format: %w", err)
	}
	dec, err := cbor.DecOptions{MaxNestedLevels: 32, MaxArrayElements: 1 << 17, MaxMapPairs: 1 << 16}.DecMode()
	if err != nil {
		return codec{}, fmt.Errorf("prepare the wire format: %w", err)
	}
	return codec{enc, dec}, nil
}

// call makes one request and decodes its answer into out.
func (c codec) call(ctx context.Context, l Link, verb string, in, out any) error {
	body, err := c.enc.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode %s: %w", verb, err)
	}
	reply, err := l.Request(ctx, verb, body)
	if err != nil {
		return err
	}
	if len(reply) > maxMessage {
		return fmt.Errorf("the answer to %s has %d bytes, above the limit of %d", verb, len(reply), maxMessage)
	}
	if err := c.dec.Unmarshal(reply, out); err != nil {
		return fmt.Errorf("decode the answer to %s: %w", verb, err)
	}
	return nil
}
