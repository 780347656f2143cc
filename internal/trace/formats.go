package trace

import (
	"math"
	"strconv"
	"strings"

	"drover.dev/api"
)

// limits of one element, beyond which a row is taken for damaged.
const (
	maxMilli    = 1 << 40
	maxElements = 1 << 20
)

// gaia is the batch jobs of "GAIA: carbon-aware batch scheduling" (Hanafy and
// others, 2023): arrival_time, length, cpus. The pai_1k file counts seconds, the
// pai-100k file hours, which the column names do not tell; a first length with a
// fraction means hours.
var gaia = Format{
	Name: "gaia", Doc: "GAIA's CSV of batch jobs (arrival_time, length, cpus; seconds, or hours where lengths have fractions)",
	detect: func(first string) bool { return strings.HasPrefix(first, "arrival_time,length,cpus") },
	open: func(l *lines) (Reader, error) {
		t, err := newTable(l, "arrival_time", "length", "cpus")
		return &gaiaReader{table: t}, err
	},
}

type gaiaReader struct {
	*table
	unit api.Duration
}

func (g *gaiaReader) Next() (Row, error) {
	if err := g.row(); err != nil {
		return Row{}, err
	}
	v, err := g.numbers("arrival_time", "length", "cpus")
	if err != nil {
		return Row{}, err
	}
	if g.unit == 0 {
		g.unit = api.Second
		if v[1] != math.Trunc(v[1]) {
			g.unit = api.Hour
		}
	}
	r := Row{ID: strconv.Itoa(g.n), Count: 1, Each: api.Resources{CPU: api.Milli(v[2] * 1000)}}
	if v[2] > maxMilli/1000 || r.Each.CPU == 0 {
		return Row{}, g.fault("cpus is %v", v[2])
	}
	if r.Submit, err = g.span("arrival_time", v[0], g.unit); err != nil {
		return Row{}, err
	}
	r.Run, err = g.span("length", v[1], g.unit)
	return r, err
}

// openb is the pods of Alibaba's GPU cluster trace of 2023 (Weng and others,
// 2023, "Beware of Fragmentation"). A pod that never ended runs to the last
// moment that its row knows.
var openb = Format{
	Name: "openb", Doc: "Alibaba's GPU cluster trace v2023: its list of pods",
	Unordered: true,
	detect:    func(first string) bool { return strings.HasPrefix(first, "name,cpu_milli,memory_mib,num_gpu") },
	open: func(l *lines) (Reader, error) {
		t, err := newTable(l, "name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli", "gpu_spec", "creation_time", "deletion_time", "scheduled_time")
		return &openbReader{t}, err
	},
}

type openbReader struct{ *table }

func (o *openbReader) Next() (Row, error) {
	if err := o.row(); err != nil {
		return Row{}, err
	}
	var v [6]int64
	for i, c := range []string{"cpu_milli", "memory_mib", "num_gpu", "gpu_milli", "creation_time", "deletion_time"} {
		var err error
		if v[i], err = o.whole(c, maxMilli); err != nil {
			return Row{}, err
		}
	}
	r := Row{ID: o.text("name"), Count: 1, Submit: api.Duration(v[4]) * api.Second}
	start := v[4]
	if o.text("scheduled_time") != "" { // empty: it never got a node
		s, err := o.whole("scheduled_time", maxMilli)
		if err != nil {
			return Row{}, err
		}
		start = s
	}
	if v[5] < start {
		return Row{}, o.fault("it ends at %d, before it starts at %d", v[5], start)
	}
	r.Run = api.Duration(v[5]-start) * api.Second
	r.Each = api.Resources{CPU: api.Milli(v[0]), Memory: api.Bytes(v[1]) * api.MiB}
	if v[2] > 0 {
		r.Each.Accelerators = gpus(v[2], v[3], o.text("gpu_spec"))
	}
	return r, nil
}

// gpus asks for whole devices, or for a part of one. Models are joined by bars.
func gpus(count, milli int64, models string) []api.Accelerator {
	a := api.Accelerator{Kind: "gpu", Count: api.Milli(count * 1000)}
	if count == 1 && milli > 0 && milli < 1000 {
		a.Count = api.Milli(milli)
	}
	if models != "" {
		a.Models = strings.Split(strings.ToLower(models), "|")
	}
	return []api.Accelerator{a}
}

// surf is a week of a SURF cluster: tasks with their use of the CPU every 30 s,
// in MHz of one core's speed.
var surf = Format{
	Name: "surf", Doc: "SURF's list of tasks with their CPU use every 30 s",
	Unordered: true,
	detect: func(first string) bool {
		return strings.HasPrefix(first, "id,submission_ms,duration_ms,cpu_count,cpu_capacity_mhz,mem_mb")
	},
	open: func(l *lines) (Reader, error) {
		return newUse(l, "mem_mb", 1e6, "usage_mhz_every_30s_space_separated", evenly)
	},
}

// bitbrains is business VMs with lists of duration:use. Their memory is in KB.
var bitbrains = Format{
	Name: "bitbrains", Doc: "Bitbrains VMs with lists of duration:use in MHz",
	Unordered: true,
	detect: func(first string) bool {
		return strings.HasPrefix(first, "id,submission_ms,duration_ms,cpu_count,cpu_capacity_mhz,mem,")
	},
	open: func(l *lines) (Reader, error) { return newUse(l, "mem", 1e3, "dur_s:usage_mhz list", pairs) },
}

// useReader reads VMs or tasks with what they used.
type useReader struct {
	*table
	memory, list string
	unit         float64 // of memory, in bytes
	parse        func(r *useReader, list string, mhz float64) (use []api.Milli, step api.Duration, err error)
}

func newUse(l *lines, memory string, unit float64, list string, parse func(*useReader, string, float64) ([]api.Milli, api.Duration, error)) (Reader, error) {
	t, err := newTable(l, "id", "submission_ms", "duration_ms", "cpu_count", "cpu_capacity_mhz", memory, list)
	return &useReader{table: t, memory: memory, unit: unit, list: list, parse: parse}, err
}

func (u *useReader) Next() (Row, error) {
	if err := u.row(); err != nil {
		return Row{}, err
	}
	v, err := u.numbers("submission_ms", "duration_ms", "cpu_count", "cpu_capacity_mhz", u.memory)
	if err != nil {
		return Row{}, err
	}
	if v[2] < 1 || v[2] > maxElements || v[3] == 0 || v[4] > maxMilli {
		return Row{}, u.fault("it has %v cores of together %v MHz and %v of memory", v[2], v[3], v[4])
	}
	r := Row{ID: u.text("id"), Count: 1, Each: api.Resources{CPU: api.Milli(v[2] * 1000), Memory: api.Bytes(v[4] * u.unit)}}
	if r.Submit, err = u.span("submission_ms", v[0], api.Millisecond); err != nil {
		return Row{}, err
	}
	if r.Run, err = u.span("duration_ms", v[1], api.Millisecond); err != nil {
		return Row{}, err
	}
	r.Use, r.Step, err = u.parse(u, u.text(u.list), v[3]/v[2])
	return r, err
}

// maxUse bounds the samples of one row.
const maxUse = 1 << 20

// milli turns MHz into thousandths of a core of mhz.
func (u *useReader) milli(text string, mhz float64) (api.Milli, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || v < 0 || v/mhz > maxElements {
		return 0, u.fault("a use of %.40q MHz", text)
	}
	return api.Milli(math.Round(v / mhz * 1000)), nil
}

func evenly(u *useReader, list string, mhz float64) ([]api.Milli, api.Duration, error) {
	fields := strings.Fields(list)
	if len(fields) > maxUse {
		return nil, 0, u.fault("%d samples of use are more than %d", len(fields), maxUse)
	}
	out := make([]api.Milli, len(fields))
	for i, f := range fields {
		v, err := u.milli(f, mhz)
		if err != nil {
			return nil, 0, err
		}
		out[i] = v
	}
	return out, 30 * api.Second, nil
}

// bitbrainsStep is the sampling interval; a pair that lasts longer than one
// step is repeated.
const bitbrainsStep = 300

func pairs(u *useReader, list string, mhz float64) ([]api.Milli, api.Duration, error) {
	var out []api.Milli
	for f := range strings.FieldsSeq(list) {
		seconds, use, ok := strings.Cut(f, ":")
		d, err := strconv.ParseFloat(seconds, 64)
		if !ok || err != nil || math.IsNaN(d) || d < 0 {
			return nil, 0, u.fault("%.40q is not duration:use", f)
		}
		v, err := u.milli(use, mhz)
		if err != nil {
			return nil, 0, err
		}
		steps := max(1, math.Round(d/bitbrainsStep))
		if float64(len(out))+steps > maxUse {
			return nil, 0, u.fault("more than %d samples of use", maxUse)
		}
		for range int(steps) {
			out = append(out, v)
		}
	}
	return out, bitbrainsStep * api.Second, nil
}
