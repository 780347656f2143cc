package assign

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
)

// A SyntaxError says which line of a file is wrong, and why.
type SyntaxError struct {
	Line int // from 1
	Msg  string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Msg) }

// ReadProblem reads a generalised assignment problem in the format of the
// OR-Library: agents and jobs, the costs agent by agent, the weights agent by
// agent, the capacities; integers between white space. Errors of the text are
// *SyntaxError.
func ReadProblem(r io.Reader) (*Problem, error) {
	t := newTokens(r)
	m, n := t.count("agents"), t.count("jobs")
	if t.err == nil && (m < 1 || n < 0 || n > MaxCells/max(m, 1)) {
		t.fail("%d agents × %d jobs: at least one agent, at most %d pairs", m, n, MaxCells)
	}
	if t.err != nil {
		return nil, t.err
	}
	p := &Problem{
		Agents: m, Jobs: n,
		Cost:     t.matrix("cost", m, n, -MaxTotal),
		Weight:   t.matrix("weight", m, n, 0),
		Capacity: t.row("capacity of agent", m, 0),
	}
	t.end()
	if t.err == nil {
		t.err = p.Validate()
	}
	if t.err != nil {
		return nil, t.err
	}
	return p, nil
}

// tokens reads integers and remembers the line of the latest and the first error.
type tokens struct {
	r    *bufio.Reader
	line int // of the latest token
	next int // line breaks read so far, plus one
	err  error
}

func newTokens(r io.Reader) *tokens { return &tokens{r: bufio.NewReader(r), line: 1, next: 1} }

func (t *tokens) fail(format string, args ...any) {
	if t.err == nil {
		t.err = &SyntaxError{Line: t.line, Msg: fmt.Sprintf(format, args...)}
	}
}

// word returns the next word, at most 64 bytes of it; "" at the end.
func (t *tokens) word() string {
	var w []byte
	for t.err == nil {
		b, err := t.r.ReadByte()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.err = fmt.Errorf("read: %w", err)
			break
		}
		if b == '\n' {
			t.next++
		}
		if b != ' ' && b != '\t' && b != '\n' && b != '\r' {
			if len(w) == 0 {
				t.line = t.next
			}
			if w = append(w, b); len(w) == 64 {
				break
			}
		} else if len(w) > 0 {
			break
		}
	}
	return string(w)
}

// number reads an integer of at least low; what names it in errors.
func (t *tokens) number(low int64, what func() string) int64 {
	if t.err != nil {
		return 0
	}
	w := t.word()
	if t.err != nil {
		return 0
	}
	if w == "" {
		t.line = t.next
		t.fail("the file ends before the %s", what())
		return 0
	}
	v, err := strconv.ParseInt(w, 10, 64)
	if err != nil {
		t.fail("%s is %q, which is not an integer", what(), w)
	} else if v < low || v > MaxTotal {
		t.fail("%s is %d: want %d to %d", what(), v, low, int64(MaxTotal))
	}
	return v
}

func (t *tokens) count(what string) int {
	return int(t.number(0, func() string { return "number of " + what }))
}

func (t *tokens) row(what string, n int, low int64) []int64 {
	var row []int64 // grows with the file, not with what the file claims
	for k := 0; k < n && t.err == nil; k++ {
		row = append(row, t.number(low, func() string { return fmt.Sprintf("%s %d", what, k) }))
	}
	return row
}

func (t *tokens) matrix(what string, m, n int, low int64) []int64 {
	var cells []int64
	for k := 0; k < m*n && t.err == nil; k++ {
		cells = append(cells, t.number(low, func() string {
			return fmt.Sprintf("%s of job %d on agent %d", what, k%n, k/n)
		}))
	}
	return cells
}

func (t *tokens) end() {
	if w := t.word(); w != "" {
		t.fail("%q after the last number", w)
	}
}
