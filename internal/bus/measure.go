package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// syncRounds is how many publishes MeasureSync takes the median of; odd.
const syncRounds = 9

// MeasureSync publishes a few records of 1 KiB to a scratch stream, which it
// removes, and returns the median time to the acknowledgement. A disk that really
// syncs takes tenths of a millisecond or more; tens of microseconds mean that the
// server answers from memory.
func MeasureSync(ctx context.Context, nc *nats.Conn) (time.Duration, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, fmt.Errorf("measure the journal's sync: %w", err)
	}
	name := "DROVER_SCRATCH_" + nuid.Next()
	subject := "drover.scratch." + name
	if _, err = js.CreateStream(ctx, jetstream.StreamConfig{
		Name: name, Subjects: []string{subject}, Storage: jetstream.FileStorage, MaxMsgs: 2 * syncRounds,
	}); err != nil {
		return 0, fmt.Errorf("measure the journal's sync: create a scratch stream: %w", err)
	}
	took, err := timePublishes(ctx, js, subject)
	// The scratch stream goes even if ctx has ended meanwhile.
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := errors.Join(err, js.DeleteStream(clean, name)); err != nil {
		return 0, fmt.Errorf("measure the journal's sync: %w", err)
	}
	return took, nil
}

func timePublishes(ctx context.Context, js jetstream.JetStream, subject string) (time.Duration, error) {
	took := make([]time.Duration, syncRounds)
	record := make([]byte, 1<<10)
	for i := range took {
		start := time.Now()
		if _, err := js.Publish(ctx, subject, record); err != nil {
			return 0, fmt.Errorf("publish: %w", err)
		}
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return took[syncRounds/2], nil
}
