package trace

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
)

// All reads a whole trace and puts it into the order of Submit, counted from its
// first moment. It refuses more than limit rows.
func All(r Reader, limit int) ([]Row, error) {
	var out []Row
	for {
		row, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			order(out)
			return out, nil
		case err != nil:
			return nil, err
		case len(out) == limit:
			return nil, fmt.Errorf("the trace has more than %d rows", limit)
		}
		out = append(out, row)
	}
}

func order(rows []Row) {
	slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(a.Submit, b.Submit) })
	for i := len(rows) - 1; i >= 0; i-- {
		rows[i].Submit -= rows[0].Submit
	}
}

// List reads rows that are in memory.
type List struct{ Rows []Row } // those that were not read yet

var _ Reader = (*List)(nil)

// Next gives the next row.
func (l *List) Next() (Row, error) {
	if len(l.Rows) == 0 {
		return Row{}, io.EOF
	}
	row := l.Rows[0]
	l.Rows = l.Rows[1:]
	return row, nil
}
