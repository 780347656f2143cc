package rehearse

import (
	"encoding/json"
	"fmt"
	"io"

	"drover.dev/internal/energy"
)

// Topology is the machines of a cluster and what they are said to draw.
type Topology struct {
	Kinds []HostKind
}

// HostKind is machines that are alike.
type HostKind struct {
	Count int
	Cores int
	Power energy.Curve
}

// openTopology is the topology file of OpenDC and OpenDT, as far as it says
// something of power.
type openTopology struct {
	Clusters []struct {
		Hosts []struct {
			Name  string `json:"name"`
			Count *int   `json:"count"`
			CPU   struct {
				Cores int `json:"coreCount"`
				Count int `json:"count"` // sockets
			} `json:"cpu"`
			Power *struct {
				Type   string  `json:"modelType"`
				Idle   float64 `json:"idlePower"`
				Full   float64 `json:"maxPower"`
				Factor float64 `json:"calibrationFactor"`
				Alpha  float64 `json:"asymUtil"`
			} `json:"cpuPowerModel"`
		} `json:"hosts"`
	} `json:"clusters"`
}

// maxTopology bounds a topology's file in bytes.
const maxTopology = 16 << 20

// ReadTopology reads clusters, hosts and their power models from JSON as OpenDC
// and OpenDT write it. What is said of other things is passed over.
func ReadTopology(r io.Reader) (Topology, error) {
	var doc openTopology
	if err := json.NewDecoder(io.LimitReader(r, maxTopology)).Decode(&doc); err != nil {
		return Topology{}, fmt.Errorf("read topology: %w", err)
	}
	var t Topology
	for i, c := range doc.Clusters {
		for j, h := range c.Hosts {
			k := HostKind{Count: 1, Cores: h.CPU.Cores * max(h.CPU.Count, 1)}
			if h.Count != nil {
				k.Count = *h.Count
			}
			where := fmt.Sprintf("read topology: clusters[%d].hosts[%d]", i, j)
			if k.Count < 1 || k.Count > maxNodes || k.Cores < 1 || k.Cores > 1<<20 {
				return Topology{}, fmt.Errorf("%s: there cannot be %d hosts of %d cores", where, k.Count, k.Cores)
			}
			if h.Power == nil {
				return Topology{}, fmt.Errorf("%s has no cpuPowerModel", where)
			}
			k.Power = energy.Curve{Shape: energy.Shape(h.Power.Type), Idle: h.Power.Idle, Full: h.Power.Full, Factor: h.Power.Factor}
			if k.Power.Shape == energy.Asymptotic && h.Power.Alpha > 0 {
				k.Power.Factor = h.Power.Alpha
			}
			if err := k.Power.Check(); err != nil {
				return Topology{}, fmt.Errorf("%s.cpuPowerModel: %w", where, err)
			}
			t.Kinds = append(t.Kinds, k)
		}
	}
	if len(t.Kinds) == 0 {
		return Topology{}, fmt.Errorf("read topology: it has no hosts: clusters[].hosts[] is what is looked for")
	}
	return t, nil
}

// Hosts is how many machines there are.
func (t Topology) Hosts() (n int) {
	for _, k := range t.Kinds {
		n += k.Count
	}
	return n
}

// cores of a machine, on average.
func (t Topology) cores() float64 {
	sum := 0.0
	for _, k := range t.Kinds {
		sum += float64(k.Count * k.Cores)
	}
	return sum / float64(t.Hosts())
}

// idle is what the whole cluster is said to draw when it does nothing, in W.
func (t Topology) idle() (watts float64) {
	for _, k := range t.Kinds {
		watts += float64(k.Count) * k.Power.Idle
	}
	return watts
}

// above is what a machine is said to draw above idle at a use, in W: the mean over
// the kinds, since nobody knows which one a task ran on.
func (t Topology) above(use float64) (watts float64) {
	for _, k := range t.Kinds {
		watts += float64(k.Count) * (k.Power.At(use) - k.Power.Idle)
	}
	return watts / float64(t.Hosts())
}
