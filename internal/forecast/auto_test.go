package forecast

import (
	"os"
	"sync"
	"testing"
	"time"
)

// twoCores runs functions in parallel, as the shells do.
func twoCores(n int, f func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range 2 {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// TestAutoOnM4Training is the rehearsal that the constants of the hybrid were chosen
// by: the last 48 training values of the hourly series. It takes a minute: set
// DROVER_SOAK.
func TestAutoOnM4Training(t *testing.T) {
	if os.Getenv("DROVER_SOAK") == "" {
		t.Skip("takes a minute: set DROVER_SOAK")
	}
	all, _ := m4Hourly(t)
	var train []Series
	var test [][]float64
	for _, s := range all {
		n := len(s.Values) - 48
		train, test = append(train, s.head(n)), append(test, s.Values[n:])
	}
	begin := time.Now()
	s, err := Competition(Auto{Horizon: 48, Seed: 1}, train, test, Run{Par: twoCores})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v in %v", s, time.Since(begin))
	if s.OWA > .44 || s.Coverage95 < .93 {
		t.Errorf("%+v", s)
	}
}
