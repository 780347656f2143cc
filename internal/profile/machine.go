package profile

import (
	"cmp"
	"slices"

	"drover.dev/api"
)

// Machines says on which kind of machine the runs of a History were.
type Machines struct {
	Names []string      `cbor:"1,keyasint"` // at most api.MaxMachines; one without runs in the window may be given away
	At    [Window]uint8 `cbor:"2,keyasint"` // by position in Codes: 1 + position in Names; 0 is any other
}

// groups is how many kinds there are, the unnamed one included.
const groups = api.MaxMachines + 1

// group returns the number of a kind of machine, from 1; 0 for those that have none.
func (m *Machines) group(name string) uint8 {
	if m == nil || name == "" {
		return 0
	}
	return uint8(slices.Index(m.Names, name) + 1)
}

// note remembers where the run at a position of the window was, which has left it
// its place.
func (m *Machines) note(at uint8, name string, runs int) {
	m.At[at] = 0
	g := m.group(name)
	if g == 0 && name != "" {
		g = m.enter(name, runs)
	}
	m.At[at] = g
}

// enter finds a number for a new kind: a fresh one, or that of a kind of which no
// run is remembered; 0 when there is none.
func (m *Machines) enter(name string, runs int) uint8 {
	if len(m.Names) < api.MaxMachines {
		m.Names = append(m.Names, name)
		return uint8(len(m.Names))
	}
	for i := range m.Names {
		if g := uint8(i + 1); !slices.Contains(m.At[:runs], g) {
			m.Names[i] = name
			return g
		}
	}
	return 0
}

// shifts is by how much the logarithms of the runs on each kind of machine lie above
// those of the base, the kind of most runs, as far as the runs prove it.
type shifts struct {
	base uint8
	runs [groups]int32
	by   [groups]int
}

// shifts compares medians, which a few odd runs do not move, and shrinks each
// difference towards none: by τ² / (τ² + σ²), where τ, one octave, is how much
// machines usually differ, and σ² the uncertainty of the difference (James and Stein,
// 1961, "Estimation with Quadratic Loss"; with the variance of few runs held up by
// two imagined ones that are an octave off).
func (h *History) shifts() (s shifts) {
	if h.Machines == nil {
		return s
	}
	var codes [groups][]int
	for i := range h.Len() {
		g := h.Machines.At[i] % groups // a damaged snapshot must not panic
		codes[g] = append(codes[g], int(h.Codes[i]))
		s.runs[g]++
	}
	for g, n := range s.runs {
		if n > s.runs[s.base] {
			s.base = uint8(g)
		}
	}
	middle, doubt := center(codes[s.base])
	for g, list := range codes {
		if g == int(s.base) || len(list) == 0 {
			continue
		}
		m, d := center(list)
		const usual = int64(octave) * octave
		s.by[g] = int(int64(m-middle) * usual / (usual + d + doubt))
	}
	return s
}

// center returns the median of logarithms and the square of its standard error.
func center(codes []int) (median int, doubt int64) {
	n := len(codes)
	if n == 0 {
		return 0, 0
	}
	slices.Sort(codes)
	median = (codes[(n-1)/2] + codes[n/2]) / 2
	off := make([]int, n)
	for i, c := range codes {
		off[i] = max(c-median, median-c)
	}
	slices.Sort(off)
	spread := int64(off[n/2]) * 3 / 2 // the standard deviation is about 1.48 times the median one
	variance := (2*octave*octave + int64(n-1)*spread*spread) / int64(n+1)
	return median, variance / int64(n)
}

// level takes from each remembered run what its machine makes of it: what is left is
// as if all had been on the base.
func (h *History) level(codes *[Window]uint16) (s shifts) {
	if s = h.shifts(); h.Machines == nil {
		return s
	}
	for i := range h.Len() {
		codes[i] = uint16(min(max(int(codes[i])-s.by[h.Machines.At[i]%groups], 0), maxCode))
	}
	return s
}

// Speeds says how fast the task runs on each kind of machine, compared with the base,
// on which Interval predicts it. The base comes first, then the fastest. It is empty
// when the runs were all on one kind.
func (h *History) Speeds() []api.MachineSpeed {
	if h == nil || h.Machines == nil {
		return nil
	}
	s := h.shifts()
	if int(s.runs[s.base]) == h.Len() {
		return nil
	}
	out := []api.MachineSpeed{{Machine: h.Machines.name(int(s.base)), Factor: 1000, Runs: s.runs[s.base]}}
	for g, n := range s.runs {
		if n > 0 && g != int(s.base) {
			out = append(out, api.MachineSpeed{Machine: h.Machines.name(g), Factor: factorOf(s.by[g]), Runs: n})
		}
	}
	slices.SortStableFunc(out[1:], func(a, b api.MachineSpeed) int { return cmp.Compare(b.Factor, a.Factor) })
	return out
}

// base is the kind of machine on which Interval predicts; "" when it has no name.
func (h *History) base() string {
	if h == nil || h.Machines == nil {
		return ""
	}
	return h.Machines.name(int(h.shifts().base))
}

func (m *Machines) name(group int) string {
	if group == 0 || group > len(m.Names) {
		return ""
	}
	return m.Names[group-1]
}

// factorOf is 2^-shift in thousandths, between a thousandth and a thousandfold.
func factorOf(shift int) api.Milli {
	return api.Milli(min(max(decode(int(encode(api.Second))-shift)/api.Millisecond, 1), 1_000_000))
}

// speeds are the best known of a task: those of its own runs, and for machines that
// they have not met those of its shape, where both have runs on the base.
func (p Past) speeds(from *History) []api.MachineSpeed {
	own := from.Speeds()
	if own != nil || from == p.Shape || p.Shape == nil {
		return own
	}
	list, base := p.Shape.Speeds(), from.base()
	at := slices.IndexFunc(list, func(v api.MachineSpeed) bool { return v.Machine == base })
	if at < 0 || from.Len() == 0 {
		return nil
	}
	was := list[at].Factor
	list[0], list[at] = list[at], list[0]
	for i := range list {
		list[i].Factor = min(max(list[i].Factor*1000/was, 1), 1_000_000)
	}
	slices.SortStableFunc(list[1:], func(a, b api.MachineSpeed) int { return cmp.Compare(b.Factor, a.Factor) })
	return list
}
