package outlook

import (
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/internal/provision"
	"drover.dev/internal/series"
)

// useHistory is how far back use counts, and useStep what one sample of it covers.
const (
	useHistory = 14 * api.Day
	useStep    = 15 * time.Minute
)

// Uses is what tasks used in the last fortnight, by TENANT/WORKLOAD.TASK, and since when.
func (o *Outlook) Uses() (map[string]provision.Use, api.Time, error) {
	since := max(o.cfg.Now().Add(-useHistory), 0)
	out := map[string]provision.Use{}
	kinds := []string{"cpu/", "memory/", "oom/"}
	list, err := o.cfg.Series.ReadAll(func(n string) bool {
		for _, k := range kinds {
			if strings.HasPrefix(n, k) {
				return true
			}
		}
		return false
	}, series.Range{From: since, Step: useStep})
	if err != nil {
		return nil, since, err
	}
	for _, s := range list {
		kind, name, _ := strings.Cut(s.Name, "/")
		u := out[name]
		for _, p := range s.Points {
			sample := provision.Sample{N: p.N, Mean: p.Sum / float64(max(p.N, 1)), Max: p.Max}
			switch kind {
			case "cpu":
				u.CPU = append(u.CPU, sample)
			case "memory":
				u.Memory = append(u.Memory, sample)
			case "oom":
				u.Killed += uint64(p.Sum)
			}
		}
		out[name] = u
	}
	return out, since, nil
}
