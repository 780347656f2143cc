package process

import (
	"io"
	"os"
	"sync"
	"time"

	"drover.dev/internal/driver"
)

// logs takes the two streams of a task through pipes into capped files.
type logs struct {
	readers [2]*os.File
	writers [2]*os.File // the task's ends
	kept    [2]*driver.LogWriter
	copying sync.WaitGroup
}

func newLogs(s driver.Spec) (*logs, error) {
	l := &logs{}
	for i, stream := range []driver.Stream{driver.Stdout, driver.Stderr} {
		r, w, err := os.Pipe()
		if err != nil {
			l.close()
			return nil, err
		}
		kept := driver.NewLogWriter(s.Dir, stream, s.Limits.Log)
		l.readers[i], l.writers[i], l.kept[i] = r, w, kept
		l.copying.Go(func() { _, _ = io.Copy(kept, r) })
	}
	return l, nil
}

// closeWriters leaves the writing ends to the task, so that its end is seen.
func (l *logs) closeWriters() {
	for i, w := range l.writers {
		if w != nil {
			w.Close()
			l.writers[i] = nil
		}
	}
}

// close waits for what is still in the pipes; somebody outside the tree who
// got hold of a pipe cannot keep it open for ever.
func (l *logs) close() (dropped int64) {
	l.closeWriters()
	deadline := time.Now().Add(2 * time.Second)
	for _, r := range l.readers {
		if r != nil {
			_ = r.SetReadDeadline(deadline)
		}
	}
	l.copying.Wait()
	for i, r := range l.readers {
		if r != nil {
			r.Close()
			dropped += l.kept[i].Close()
		}
	}
	return dropped
}
