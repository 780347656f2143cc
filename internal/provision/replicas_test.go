package provision

import (
	"math"
	"slices"
	"testing"
)

func TestReplicas(t *testing.T) {
	s := Scaling{Each: 100, Target: 0.7, Min: 1, Max: 10}
	for load, want := range map[float64]int{0: 1, 70: 1, 70.1: 2, 350: 5, 1e9: 10, -3: 1, math.Inf(1): 10} {
		if got := s.Replicas(load); got != want {
			t.Errorf("a load of %v gets %d replicas, want %d", load, got, want)
		}
	}
	if got := s.Replicas(math.NaN()); got != 1 {
		t.Errorf("no load gets %d replicas", got)
	}
}

func TestSteadied(t *testing.T) {
	if got := Steadied([]int{1, 4, 2, 1, 1, 3}, 3); !slices.Equal(got, []int{1, 4, 4, 4, 2, 3}) {
		t.Errorf("steadied are %v", got)
	}
}
