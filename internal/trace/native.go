package trace

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"drover.dev/api"
)

// native is Drover's own format: JSON lines. The first line names the format;
// each other one is a job. Times are in seconds.
var native = Format{
	Name: "drover", Doc: "Drover's own: JSON lines, see docs/twin.md",
	detect: func(first string) bool { return strings.HasPrefix(first, `{"drover":"trace`) },
	open: func(l *lines) (Reader, error) {
		head, err := l.next()
		if err == nil && head != nativeHead {
			err = fmt.Errorf("its first line is %.60q, this program reads %s", head, nativeHead)
		}
		return &nativeReader{l}, err
	},
}

const nativeHead = `{"drover":"trace/v1"}`

// nativeRow is a Row as it is written.
type nativeRow struct {
	ID       string        `json:"id,omitempty"`
	User     string        `json:"user,omitempty"`
	Submit   float64       `json:"submit"`
	Run      float64       `json:"run"`
	Count    int32         `json:"count,omitempty"` // 0 is 1
	Each     api.Resources `json:"each"`
	Estimate float64       `json:"estimate,omitempty"`
	Deadline float64       `json:"deadline,omitempty"` // after submit
	Priority int32         `json:"priority,omitempty"`
	Use      []api.Milli   `json:"use,omitempty"`
	Step     float64       `json:"step,omitempty"`
	Program  string        `json:"program,omitempty"`
	Size     api.Bytes     `json:"size,omitempty"`
	In       api.Bytes     `json:"in,omitempty"`
	Out      api.Bytes     `json:"out,omitempty"`
}

type nativeReader struct{ *lines }

func (n *nativeReader) Next() (Row, error) {
	line, err := n.next()
	if err != nil {
		return Row{}, err
	}
	w, ok := quick(line)
	if !ok {
		if w, err = slow(line); err != nil {
			return Row{}, n.fault("%v", err)
		}
	}
	r := Row{
		ID: w.ID, User: w.User, Count: max(w.Count, 1), Each: w.Each, Priority: w.Priority, Use: w.Use,
		Program: w.Program, Size: w.Size, In: w.In, Out: w.Out,
	}
	switch {
	case w.Count < 0 || w.Count > maxElements:
		return Row{}, n.fault("count is %d", w.Count)
	case w.Each.CPU < 0 || w.Each.CPU > maxMilli || w.Each.Memory < 0 || len(w.Use) > maxUse:
		return Row{}, n.fault("it asks for absurd resources, or has more than %d samples of use", maxUse)
	case min(w.Size, w.In, w.Out) < 0 || max(w.Size, w.In, w.Out) > api.MaxStorage:
		return Row{}, n.fault("size, in and out are from 0 to %s", api.MaxStorage)
	}
	for _, f := range []struct {
		name string
		from float64
		to   *api.Duration
	}{{"submit", w.Submit, &r.Submit}, {"run", w.Run, &r.Run}, {"estimate", w.Estimate, &r.Estimate}, {"step", w.Step, &r.Step}, {"deadline", w.Deadline, &r.Deadline}} {
		if f.from < 0 {
			return Row{}, n.fault("%s is negative", f.name)
		}
		if *f.to, err = n.span(f.name, f.from, api.Second); err != nil {
			return Row{}, err
		}
	}
	return r, nil
}

// slow reads any row.
func slow(line string) (w nativeRow, err error) {
	d := json.NewDecoder(strings.NewReader(line))
	d.DisallowUnknownFields()
	err = d.Decode(&w)
	return w, err
}

// Writer writes a trace in Drover's own format.
type Writer struct {
	out     *bufio.Writer
	started bool
}

// NewWriter writes to w, which must be flushed by Close.
func NewWriter(w io.Writer) *Writer { return &Writer{out: bufio.NewWriterSize(w, 64<<10)} }

// Write adds a row.
func (w *Writer) Write(r Row) error {
	b, err := json.Marshal(nativeRow{
		ID: r.ID, User: r.User, Submit: seconds(r.Submit), Run: seconds(r.Run), Count: r.Count, Each: r.Each,
		Estimate: seconds(r.Estimate), Deadline: seconds(r.Deadline), Priority: r.Priority, Use: r.Use, Step: seconds(r.Step),
		Program: r.Program, Size: r.Size, In: r.In, Out: r.Out,
	})
	if err != nil {
		return fmt.Errorf("write row %s: %w", r.ID, err)
	}
	if err := w.head(); err != nil {
		return err
	}
	_, err = w.out.Write(append(b, '\n'))
	return err
}

func (w *Writer) head() error {
	if w.started {
		return nil
	}
	w.started = true
	_, err := w.out.WriteString(nativeHead + "\n")
	return err
}

// Close writes what is buffered. The writer below stays open.
func (w *Writer) Close() error {
	if err := w.head(); err != nil {
		return err
	}
	return w.out.Flush()
}

func seconds(d api.Duration) float64 { return float64(d) / float64(api.Second) }
