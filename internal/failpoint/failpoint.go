// Package failpoint makes a process kill itself with SIGKILL at a named point,
// for the tests of what survives that. Programs list their points; without a
// name in the environment all of them do nothing.
package failpoint

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// Env names the environment variable that says where to die:
// "agent.before-start", or "agent.before-start:3" for the third time it gets
// there.
const Env = "DROVER_FAILPOINT"

// Point is where this process dies. A nil Point is nowhere.
type Point struct {
	name string
	left atomic.Int64
	die  func()
}

// New reads the value of Env. names are the points of this program, all with
// its own name before the dot, as in "agent.before-start". The point of another
// program is no error, and nil; a misspelt one of this program is one.
func New(text string, names []string) (*Point, error) {
	name, count, counted := strings.Cut(text, ":")
	program, _, _ := strings.Cut(name, ".")
	if !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, program+".") }) {
		return nil, nil
	}
	if !slices.Contains(names, name) {
		return nil, fmt.Errorf("%s=%q: no such point; there are %s", Env, text, strings.Join(names, ", "))
	}
	times := int64(1)
	if counted {
		n, err := strconv.ParseInt(count, 10, 64)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s=%q: the count must be a positive number", Env, text)
		}
		times = n
	}
	p := &Point{name: name, die: killSelf}
	p.left.Store(times)
	return p, nil
}

// At dies here if this is the point and its time has come.
func (p *Point) At(name string) {
	if p != nil && p.name == name && p.left.Add(-1) == 0 {
		p.die()
	}
}

func killSelf() {
	if p, err := os.FindProcess(os.Getpid()); err == nil && p.Kill() == nil {
		select {} // the signal is on its way
	}
}
