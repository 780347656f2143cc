package engine

import (
	"fmt"
	"slices"
	"strconv"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// Nodes may be used more than their tasks asked for: by tasks that take more, or by other
// programs. Agents measure that, outside the journal; the shell says as an input (Strained)
// when it is news. Here it is checked and kept in the state: a strained node takes no new
// work, and what runs there may be moved off it (clear_strain.go).

const (
	// StrainHolds is how long what was said counts. The shell says it again at half of that.
	StrainHolds = 10 * api.Minute
	// strainOld is how long ago a node may have been measured that is said to be strained now.
	strainOld = 2 * api.Minute
	// MaxStrainTasks and MaxStrainSpare bound what is said with it: tasks, and nodes with room.
	MaxStrainTasks, MaxStrainSpare = 16, 16
	// StrainHighCPU and StrainHighMemory are the parts of what a node has, in thousandths,
	// from which on it is strained, and StrainLow the part up to which it is filled, and below
	// which it is strained no more.
	StrainHighCPU, StrainHighMemory, StrainLow = 950, 920, 850
)

// Strained says that a node is used to near what it has, with what its largest tasks use
// and where there is room by what is used; or, without a time in Said, that it is no more.
// The shell measures that, it is no part of the state. What cannot be believed changes
// nothing: the answer says why.
type Strained struct {
	Said  state.NodeStrained `cbor:"1,keyasint"`
	Boot  string             `cbor:"2,keyasint,omitempty"` // of the machine that was measured
	At    api.Time           `cbor:"3,keyasint"`           // when it was measured last
	Tasks []api.TaskUse      `cbor:"4,keyasint,omitempty"` // largest first
	Spare []Spare            `cbor:"5,keyasint,omitempty"` // most first
}

// Spare is what a node on the same site has to spare by what is used there.
type Spare struct {
	Node string     `cbor:"1,keyasint"`
	Room state.Room `cbor:"2,keyasint"`
}

// InputKind implements Input.
func (*Strained) InputKind() InputKind { return InputStrained }

// Relieves reports whether a node that is strained is to be relieved: what holds on its
// site has running work moved.
func (e *Engine) Relieves(n *state.Node) bool {
	return !n.Silent && n.On() && moves(e.restOrUsual(n))
}

// Eases reports whether nothing is said to be strained any more.
func (s *Strained) Eases() bool { return s.Said.CPU == 0 && s.Said.Memory == 0 }

// Renews reports whether it is to be said: it is something else than what a cell knows, or
// that will not count for much longer.
func (s *Strained) Renews(st *state.State, now api.Time) bool {
	old, is := st.Strains[s.Said.Node], &s.Said
	if old == nil {
		return !s.Eases()
	}
	return old.At.Add(StrainHolds/2) <= now || (old.Said.CPU == 0) != (is.CPU == 0) || (old.Said.Memory == 0) != (is.Memory == 0)
}

// strainSaid keeps what is said of a node, if it can be believed.
func (e *Engine) strainSaid(in *Strained) state.Answer {
	n := e.st.Nodes[in.Said.Node]
	if n == nil {
		return refuse(state.CodeNotFound, "there is no node %.63q", in.Said.Node)
	}
	if in.Eases() {
		if e.st.Strains[n.Name] == nil {
			return state.Answer{Action: "unchanged"}
		}
		e.strained = slices.DeleteFunc(e.strained, func(said *Strained) bool { return said.Said.Node == n.Name })
		e.emit(&state.NodeEased{Node: n.Name, Why: "less of it is used"})
		return state.Answer{Action: "updated"}
	}
	if why := e.doubtsStrain(n, in); why != "" {
		return refuse(state.CodeInvalid, "node %s does not count as overloaded: %s", n.Name, why)
	}
	e.strained = append(e.strained, in)
	return state.Answer{Action: "updated"}
}

// doubtsStrain says why what is said of a node is not believed; "" when it is.
func (e *Engine) doubtsStrain(n *state.Node, in *Strained) string {
	s, now := &in.Said, e.st.Now
	switch {
	case !e.Relieves(n):
		return "it is silent or not switched on, or no rest of its site, nor of the cell's strategy, has move"
	case in.Boot != n.Boot:
		return "it was started anew since it was measured"
	case in.At > now.Add(foresightEarly) || in.At.Add(strainOld) < now:
		return fmt.Sprintf("it was measured at %s, and now it is %s", in.At, now)
	case !since(s.CPU, n.Registered, in.At) || !since(s.Memory, n.Registered, in.At):
		return "it was not registered since then"
	case !strains(int64(s.Used.CPU), int64(s.Of.CPU), s.CPU), !strains(int64(s.Used.Memory), int64(s.Of.Memory), s.Memory):
		return fmt.Sprintf("nobody uses %v cpu of %v and %v of %v, or too little", s.Used.CPU, s.Of.CPU, s.Used.Memory, s.Of.Memory)
	case len(s.Seats) > 0:
		return "where its tasks go is for the engine to say"
	case len(in.Tasks) > MaxStrainTasks || len(in.Spare) > MaxStrainSpare:
		return fmt.Sprintf("%d tasks and %d nodes are told of, at most %d and %d are taken", len(in.Tasks), len(in.Spare), MaxStrainTasks, MaxStrainSpare)
	}
	return ""
}

// since reports whether a time is none, or within a node's life up to a measurement.
func since(at, from, to api.Time) bool { return at == 0 || at >= from && at <= to }

// strains reports whether so much may be used of so much, and is at least what counts as
// strained no more, where it is strained.
func strains(used, of int64, since api.Time) bool {
	if used < 0 || of < 0 || of > mostForeseen || used > of {
		return false
	}
	return since == 0 || of > 0 && partOf(used, of) >= StrainLow
}

// partOf is a part of something, in thousandths.
func partOf(used, of int64) int64 {
	if of <= 0 {
		return 0
	}
	if used > mostForeseen/1000 {
		return used / max(of/1000, 1)
	}
	return used * 1000 / of
}

// strainLapses has a node take work again of which nothing was said for long.
func (e *Engine) strainLapses(v *timer) {
	if s := e.st.Strains[v.node]; s != nil && s.At.Add(StrainHolds) == v.at {
		e.emit(&state.NodeEased{Node: v.node, Why: "nothing was said of its use for " + StrainHolds.String()})
	}
}

// strainTimer reminds of when what was said of a node no longer counts.
func (e *Engine) strainTimer(n *state.Node) {
	if s := e.st.Strains[n.Name]; s != nil {
		e.timers.add(timer{at: s.At.Add(StrainHolds), kind: timerStrain, node: n.Name})
	}
}

// StrainText says what of a node is used to near what it has, in a phrase.
func StrainText(s *state.NodeStrained) string { return strainText(s, "", 0) }

// strainText is StrainText with a word before "used", and with for how long; 0 is not said.
func strainText(s *state.NodeStrained, was string, now api.Time) string {
	part := func(what string, used, of int64, since api.Time) string {
		text := what + was + " used to " + strconv.FormatInt(partOf(used, of)/10, 10) + " %"
		if now != 0 {
			text += " for " + max(now.Sub(since)/api.Minute*api.Minute, 0).String()
		}
		return text
	}
	cpu, memory := "", ""
	if s.CPU != 0 {
		cpu = part("cpu", int64(s.Used.CPU), int64(s.Of.CPU), s.CPU)
	}
	if s.Memory != 0 {
		memory = part("memory", int64(s.Used.Memory), int64(s.Of.Memory), s.Memory)
	}
	if cpu != "" && memory != "" {
		return cpu + " and " + memory
	}
	return cpu + memory
}

// strainedSize counts a Strained with what follows from it at once: work that is moved.
func strainedSize(in *Strained) int {
	n := 3*smallSize + len(in.Said.Node) + len(in.Boot) + len(in.Tasks)*(refSize+3*numberSize+3*smallSize)
	for i := range in.Spare {
		n += smallSize + 2*len(in.Spare[i].Node)
	}
	return n
}
