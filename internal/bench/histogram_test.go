package bench

import (
	"math"
	"testing"
)

const earlier = `# TYPE drover_x_seconds histogram
drover_x_seconds_bucket{le="0.001"} 5
drover_x_seconds_bucket{le="0.01"} 6
drover_x_seconds_bucket{le="1"} 7
drover_x_seconds_bucket{le="+Inf"} 7
drover_x_seconds_sum 0.5
drover_x_seconds_count 7
drover_other 9
`

const later = `drover_x_seconds_bucket{le="0.001"} 5
drover_x_seconds_bucket{le="0.01"} 96
drover_x_seconds_bucket{le="1"} 106
drover_x_seconds_bucket{le="+Inf"} 107
drover_x_seconds_sum 2.5
drover_x_seconds_count 107
`

func TestHistogram(t *testing.T) {
	const name = "drover_x_seconds"
	h := readHistogramText(later, name).since(readHistogramText(earlier, name))
	if h.count != 100 || math.Abs(h.mean()-0.02) > 1e-9 {
		t.Errorf("%g of %g s each, want 100 of 0.02", h.count, h.mean())
	}
	for q, want := range map[float64]float64{0.45: 0.0055, 0.9: 0.01, 0.945: 0.505, 1: 1} {
		if got := h.quantile(q); math.Abs(got-want) > 1e-9 {
			t.Errorf("quantile %g is %g s, want %g", q, got, want)
		}
	}
	if got := (histogram{}).quantile(0.99) + (histogram{}).mean(); got != 0 {
		t.Errorf("of nothing it is %g", got)
	}
}
