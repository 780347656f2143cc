package live

import (
	"fmt"
	"testing"

	"drover.dev/internal/engine"
)

// BenchmarkTasks is the way of separately named workloads of one noop task each,
// from submission to the acknowledged end, through the journal and NATS. The
// node's part is played by the test.
func BenchmarkTasks(b *testing.B) {
	c := run(b, Config{})
	a := join(b, c, "n1")
	a.hello()
	const batch = 500
	b.ResetTimer()
	submitted := make(chan error, 1)
	go func() {
		var err error
		for from := 0; from < b.N && err == nil; from += batch {
			var in []engine.Input
			for i := from; i < min(from+batch, b.N); i++ {
				in = append(in, submit(job(fmt.Sprint("w", i), 1)))
			}
			_, _, err = c.Do(b.Context(), in)
		}
		submitted <- err
	}()
	a.work(b.N)
	if err := <-submitted; err != nil {
		b.Fatal(err)
	}
	until(b, c, "the end of all tasks", finished(uint64(b.N)))
	b.StopTimer()
	n := &c.count
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
	b.ReportMetric(float64(n.batches.Load())/float64(b.N), "batches/task")
	b.ReportMetric(float64(n.bytes.Load())/float64(b.N), "B/task")
}
