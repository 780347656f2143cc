package twin

import (
	"testing"

	"drover.dev/api"
)

// A program that needs more memory than it asks for is killed until its task asks for
// enough, which takes the engine one try after another; without resize it fails.
func TestKilledForMemory(t *testing.T) {
	for _, c := range []struct {
		name   string
		resize *api.Resize
		tries  uint32
		memory api.Bytes // that the last attempt asks for
		ends   api.WorkloadStatus
	}{
		{"resized", &api.Resize{Mode: api.ResizeAuto}, 3, 2304 * api.MiB, api.WorkloadSucceeded},
		{"within a limit that is too low", &api.Resize{Mode: api.ResizeAuto, Max: &api.Resources{Memory: 1200 * api.MiB}}, 4, 1200 * api.MiB, api.WorkloadFailed},
		{"as the file says", nil, 4, api.GiB, api.WorkloadFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			job := oneTask("crunch", 1000)
			job.Resize = c.resize
			job.Tasks[0].Resources.Memory = api.GiB
			job.Tasks[0].Restart = &api.Restart{Policy: api.RestartOnFailure, Attempts: 3, Backoff: api.Second}
			job.Normalize()
			w, err := New(Config{Nodes: cores(4), Check: true})
			if err != nil {
				t.Fatal(err)
			}
			came := false
			err = w.Begin(func() (Arrival, bool) {
				defer func() { came = true }()
				return Arrival{Workload: job, Truth: []Truth{{Run: api.Minute, Memory: 2 * api.GiB}}}, !came
			})
			if err != nil {
				t.Fatal(err)
			}
			var most api.Bytes
			for i := range 600 { // each second
				if _, err := w.Advance(seconds(float64(i)), nil); err != nil {
					t.Fatal(err)
				}
				most = max(most, w.State().Nodes["n1"].Used.Memory)
			}
			got := w.State().Named("default", "crunch")
			if try := got.Groups[0].Tasks[0].Try; got.Status != c.ends || try != c.tries || most != c.memory {
				t.Errorf("it is %v after %d tries, with %v at most; want %v after %d, with %v", got.Status, try, most, c.ends, c.tries, c.memory)
			}
		})
	}
}
