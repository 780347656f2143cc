package journal

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// JetStream's answers to a publish that certainly mean "not stored": all are given
// before the record is written or proposed. Everything else is unknown, also error
// 10077 (store failed) and 10063, which a replica may give for a record that the
// others have stored.
const (
	codeAccountResources      jetstream.ErrorCode = 10002 // full: the account's limit
	codeInsufficientResources jetstream.ErrorCode = 10023 // full: the server's limit
	codeMemoryResources       jetstream.ErrorCode = 10028
	codeStorageResources      jetstream.ErrorCode = 10047 // full: the server's limit
	codeTooLarge              jetstream.ErrorCode = 10054
	codeOtherStream           jetstream.ErrorCode = 10060
	codeWrongSequence         jetstream.ErrorCode = 10071 // the fence, names the last sequence
	codeSealed                jetstream.ErrorCode = 10109
	codeWrongSequenceConstant jetstream.ErrorCode = 10164 // the fence, when an append is in flight
)

// outcome turns the error of a publish into one of the three outcomes.
func outcome(expect uint64, err error) error {
	var api *jetstream.APIError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &api):
		return answered(expect, api)
	case errors.Is(err, nats.ErrReconnectBufExceeded):
		return refuse(errNoLink)
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		return refuse(fmt.Errorf("%w: it has lost its quorum, or is electing its leader", err))
	case unsent(err):
		return refuse(err)
	default: // timeouts, lost connections, answers that make no sense
		return unknown(err)
	}
}

var errNoLink = errors.New("there is no connection to the bus at the moment")

// unsent are the errors by which the client says that it sent nothing, or the
// server that nobody took it. A closed connection is not one of them: it can
// close while the answer is awaited.
func unsent(err error) bool {
	for _, e := range []error{
		nats.ErrMaxPayload, nats.ErrBadSubject,
		nats.ErrHeadersNotSupported, nats.ErrConnectionDraining,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func answered(expect uint64, api *jetstream.APIError) error {
	switch api.ErrorCode {
	case codeWrongSequence, codeWrongSequenceConstant:
		last, known := lastSequence(api.Description)
		return fmt.Errorf("append: %w", &RefusedError{Expect: expect, Last: last, Known: known})
	case codeAccountResources, codeInsufficientResources, codeMemoryResources, codeStorageResources:
		return refuse(fmt.Errorf("%w (%w)", ErrFull, api))
	case codeTooLarge, codeOtherStream, codeSealed:
		return refuse(api)
	default:
		return unknown(api)
	}
}

// lastSequence reads "wrong last sequence: 17".
func lastSequence(description string) (uint64, bool) {
	_, number, ok := strings.Cut(description, ": ")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(number, 10, 64)
	return n, err == nil
}
