package mirror

import (
	"slices"

	"drover.dev/api"
	"drover.dev/internal/profile"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/state"
)

// memory is what the mirror has learnt from the records besides the state. It is
// saved with it.
type memory struct {
	Jobs  map[uint64]*job    `cbor:"1,keyasint"` // that have not ended
	Times map[string]*driver `cbor:"2,keyasint"` // by driver
	Last  recent             `cbor:"3,keyasint"`
	Count counts             `cbor:"4,keyasint"`
	Came  []rehearse.Came    `cbor:"5,keyasint,omitempty"` // the last jobs, in order
	// Window is what was measured lately, of which the twin's fits are made.
	Window rehearse.Window `cbor:"6,keyasint"`
}

// job is what is noted of a job until it ends.
type job struct {
	Started api.Time `cbor:"1,keyasint,omitempty"` // its first element
}

// counts are since the mirror's directory was made.
type counts struct {
	Rounds  uint64 `cbor:"1,keyasint"`
	TooMany uint64 `cbor:"2,keyasint"` // not predicted: more came than fit one round
	TooLate uint64 `cbor:"3,keyasint"` // not predicted: they had ended when their turn came
	Endless uint64 `cbor:"4,keyasint"` // not predicted: services, systems, schedules, jobs of other cells
}

// driver is how long tasks ran, and took besides, the last few times.
type driver struct {
	Times []rehearse.Besides `cbor:"1,keyasint"`
	Next  int                `cbor:"2,keyasint"`
	Runs  []api.Duration     `cbor:"3,keyasint"` // as they would be on a reference node
}

// remembered is how many times.
const remembered = 255

func newMemory() *memory {
	return &memory{Jobs: map[uint64]*job{}, Times: map[string]*driver{}, Last: recent{New: map[string]took{}, Old: map[string]took{}}}
}

func (d *driver) add(run api.Duration, b rehearse.Besides) {
	if len(d.Times) < remembered || len(d.Runs) < remembered {
		d.Times, d.Runs = append(d.Times, b), append(d.Runs, run)
		return
	}
	d.Next %= remembered
	d.Times[d.Next], d.Runs[d.Next] = b, run
	d.Next++
}

// runs are how long tasks ran, by driver.
func (m *memory) runs() rehearse.Alike {
	out := rehearse.Alike{}
	for name, d := range m.Times { // order-free: a copy
		out[name] = slices.Sorted(slices.Values(d.Runs))
	}
	return out
}

// came notes when a job came.
func (m *memory) came(id uint64, now api.Time) {
	if len(m.Came) >= remembered {
		m.Came = slices.Delete(m.Came, 0, 1)
	}
	m.Came = append(m.Came, rehearse.Came{At: now, Job: id})
}

// besides are copies of them.
func (m *memory) besides() map[string][]rehearse.Besides {
	out := map[string][]rehearse.Besides{}
	for name, d := range m.Times { // order-free: a copy
		out[name] = slices.Clone(d.Times)
	}
	return out
}

// took is how long a job waited and ran.
type took struct {
	Wait api.Duration `cbor:"1,keyasint"`
	Run  api.Duration `cbor:"2,keyasint"`
}

// recent are the last runs of workloads, by their name and by the shape of their first
// task: at least the last recentRuns, at most twice as many.
type recent struct {
	New  map[string]took `cbor:"1,keyasint"`
	Old  map[string]took `cbor:"2,keyasint"`
	Last took            `cbor:"3,keyasint"` // of all
	Any  bool            `cbor:"4,keyasint"` // there was one
}

const recentRuns = 10_000

func (r *recent) add(spec *api.Workload, t took) {
	r.Last, r.Any = t, true
	if len(r.New) >= recentRuns {
		r.Old, r.New = r.New, map[string]took{}
	}
	for _, key := range runKeys(spec) {
		r.New[key] = t
	}
}

// runKeys name the history of a workload, the closest first.
func runKeys(spec *api.Workload) []string {
	keys := []string{"name " + spec.Tenant + "/" + spec.Name}
	if shape := profile.ShapeKey(spec, 0); shape != "" {
		keys = append(keys, "shape "+shape)
	}
	return keys
}

// of is what persistence says of a workload: as long as its last run took, and as long
// as the one that ended last waited; false when none has ended.
func (r *recent) of(spec *api.Workload) (took, bool) {
	out := r.Last
	for _, key := range runKeys(spec) {
		t, known := r.New[key]
		if !known {
			t, known = r.Old[key]
		}
		if known {
			out.Run = t.Run
			break
		}
	}
	return out, r.Any
}

// endsByItself reports whether a workload is a job that the twin can tell of.
func endsByItself(w *state.WorkloadSubmitted) bool {
	return w.Spec.Kind == api.KindJob && w.NextRun == 0
}
