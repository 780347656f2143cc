package sched

import "drover.dev/api"

// worth says what room on one device is worth, in 2^-20 of a device, by hundredths
// of a device: what the shares that are typical can make of it. 100 is worth 1.
//
// It comes from the prices under which the typical shares, in the proportions in which
// they come, fill devices with least left over: the dual of the cutting-stock problem
// (Gilmore and Gomory, 1961). A room is worth the most that shares which fit in it
// cost together. The prices are found by multiplicative weights (Plotkin, Shmoys and
// Tardos, 1995): fill a device as dear as possible, make what filled it cheaper, the
// more so the rarer it comes, and take the mean of the later half of the rounds.
type worth [cells + 1]int64

const (
	cells     = 100 // of a device
	rounds    = 256
	oneDevice = 1 << 20
)

// portion is the typical shares of one size.
type portion struct {
	size   int // in hundredths of a device, rounded up
	weight int64
	price  int64
	mean   int64
}

// worthsOf is the worth of room on devices of each kind of which there are typical
// shares.
func worthsOf(list []typical) map[string]*worth {
	kinds := map[string][]portion{}
	for size := range cells {
		for i := range list {
			m := &list[i]
			if m.need <= 0 || m.need >= 1000 || sizeOf(m.need) != size || m.weight == 0 {
				continue
			}
			p := kinds[m.kind]
			if n := len(p); n == 0 || p[n-1].size != size {
				p = append(p, portion{size: size, price: int64(size) << 24})
			}
			p[len(p)-1].weight += m.weight
			kinds[m.kind] = p
		}
	}
	out := make(map[string]*worth, len(kinds))
	for kind, p := range kinds { // order-free: each alike
		out[kind] = priced(p)
	}
	return out
}

// worths is the worth of room for a whole Step. Between Steps nothing is kept, since
// others may be reading.
func (x *Index) worths() map[string]*worth {
	m := x.typicalMix()
	if m.worths != nil {
		return m.worths
	}
	w := worthsOf(m.list)
	if x.stepping {
		m.worths = w
	}
	return w
}

func sizeOf(need api.Milli) int { return int(need+9) / (1000 / cells) }

func priced(list []portion) *worth {
	asked := int64(0)
	for i := range list {
		asked += list[i].weight * int64(list[i].size)
	}
	var w worth
	count := make([]int64, len(list))
	for n := range rounds {
		w.fill(list, count)
		for i := range list {
			p := &list[i]
			if n >= rounds/2 {
				p.mean += p.price * oneDevice / max(w[cells], 1)
			}
			const pace = 9400 // hundredths of devices asked for, a share of which makes a share this much cheaper
			p.price -= p.price * min(count[i]*asked<<16/(pace*p.weight), 1<<15) >> 16
		}
	}
	for i := range list {
		list[i].price = list[i].mean
	}
	w.fill(list, count)
	for c := range w {
		w[c] = w[c] * oneDevice / max(w[cells], 1) // w[cells] is the last
	}
	return &w
}

// fill finds for each room the most that shares which fit in it cost, and counts those
// that fill a whole device.
func (w *worth) fill(list []portion, count []int64) {
	var last [cells + 1]int // the share that was added, from 1
	for c := 1; c <= cells; c++ {
		w[c] = w[c-1]
		for i := range list {
			if p := &list[i]; p.size <= c && w[c-p.size]+p.price > w[c] {
				w[c], last[c] = w[c-p.size]+p.price, i+1
			}
		}
	}
	clear(count)
	for c := cells; c > 0; {
		if i := last[c] - 1; i >= 0 {
			count[i]++
			c -= list[i].size
		} else {
			c--
		}
	}
}

type remnantTerm struct{}

func (remnantTerm) concerns(a *Ask) bool {
	asks := a.Task.Resources.Accelerators
	return len(asks) == 1 && asks[0].Count < 1000
}

// value is what the device that the task would get is worth less in two parts, the
// task's and what is left beside it.
func (remnantTerm) value(s *scorer, e *node) int64 {
	ask := &s.ask.Task.Resources.Accelerators[0]
	d, ok := fraction(e.devices, e.Capacity.Accelerators, ask)
	if !ok {
		return 0
	}
	room := e.devices[d.Group][d.Index]
	const cell = 1000 / cells
	lost := s.worth[room/cell] - s.worth[(room-ask.Count)/cell] - s.worth[sizeOf(ask.Count)]
	return -max(lost, 0) * unit / oneDevice
}
