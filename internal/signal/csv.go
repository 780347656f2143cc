package signal

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/api/cron"
)

// Columns says how to read a file of values over time.
type Columns struct {
	Time   string `yaml:"time"`   // title of the column of times; "" is the first
	Value  string `yaml:"value"`  // title of the column of values; "" is the first that holds numbers
	Unit   string `yaml:"unit"`   // "" is what the titles say
	TZ     string `yaml:"tz"`     // IANA zone of times that name none; "" is UTC
	Number string `yaml:"number"` // "comma" for a decimal comma
}

// Limits of a file.
const (
	maxRows     = 3_000_000
	maxFileSize = 512 << 20 // unpacked
)

// ReadCSV reads values over time of a unit that a title says, or the columns: see
// [ReadValues].
func ReadCSV(r io.Reader, c Columns) (Points, Unit, error) {
	t, err := read(r, c)
	if err != nil {
		return nil, Unit{}, err
	}
	u, err := t.unit()
	return t.points, u, err
}

// ReadValues reads values over time: a line of titles, which it returns as well, then a
// line a moment, plain or packed by gzip. Empty values, NA, NaN and null are missing
// ones. Local times need a zone: the hour that is skipped in spring is refused, the hour
// that comes twice in autumn is told apart by the order of the lines. Errors name the
// line.
func ReadValues(r io.Reader, c Columns) (Points, []string, error) {
	t, err := read(r, c)
	if err != nil {
		return nil, nil, err
	}
	return t.points, t.titles, nil
}

func read(r io.Reader, c Columns) (*table, error) {
	plain, err := unpacked(r)
	if err != nil {
		return nil, err
	}
	limited := &io.LimitedReader{R: plain, N: maxFileSize}
	in := csv.NewReader(limited)
	in.FieldsPerRecord, in.ReuseRecord, in.TrimLeadingSpace = -1, true, true
	titles, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("read the header, the line of titles: %w", err)
	}
	t := &table{columns: c, at: -1}
	if err := t.find(titles); err != nil {
		return nil, err
	}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the values: %w", err)
		}
		line, _ := in.FieldPos(0)
		if err := t.add(row); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if len(t.points) > maxRows || limited.N <= 0 {
			return nil, fmt.Errorf("line %d: the file is too large for a signal", line)
		}
	}
	if len(t.points) == 0 {
		return nil, errors.New("the file holds no values")
	}
	return t, nil
}

func unpacked(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	if head, err := b.Peek(2); err != nil || head[0] != 0x1f || head[1] != 0x8b {
		return b, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("unpack the file: %w", err)
	}
	return z, nil
}

// table is a file while it is read.
type table struct {
	columns  Columns
	titles   []string
	when, at int // columns
	zone     *time.Location
	points   Points
}

func (t *table) find(titles []string) error {
	for i, title := range titles {
		title = strings.TrimPrefix(strings.TrimSpace(title), "\ufeff")
		t.titles = append(t.titles, strings.Clone(title))
		if title == t.columns.Time && title != "" {
			t.when = i
		}
		if title == t.columns.Value && title != "" {
			t.at = i
		}
	}
	for _, name := range [...]string{t.columns.Time, t.columns.Value} {
		if name != "" && t.titles[max(t.when, 0)] != name && (t.at < 0 || t.titles[t.at] != name) {
			return fmt.Errorf("line 1: there is no column %.60q; the columns are %.300s", name, strings.Join(t.titles, ", "))
		}
	}
	var err error
	t.zone, err = zoneNamed(t.columns.TZ)
	return err
}

func zoneNamed(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	return cron.Zone(name)
}

func (t *table) add(row []string) error {
	if len(row) == 1 && strings.TrimSpace(row[0]) == "" {
		return nil
	}
	if t.when >= len(row) {
		return errors.New("it has no time")
	}
	var after api.Time
	if n := len(t.points); n > 0 {
		after = t.points[n-1].At
	}
	at, err := moment(row[t.when], t.zone, after)
	if err != nil {
		return err
	}
	if at <= after {
		return fmt.Errorf("its time %s does not come after that of the line before: sort the file and keep one line a step", row[t.when])
	}
	if t.at < 0 {
		if t.at = t.firstNumber(row); t.at < 0 {
			return fmt.Errorf("no column holds a number: name one of %.300s", strings.Join(t.titles, ", "))
		}
	}
	if t.at >= len(row) {
		return errors.New("it has no value in the column")
	}
	v, err := t.number(row[t.at])
	if err != nil {
		return err
	}
	t.points = append(t.points, Point{at, v})
	return nil
}

func (t *table) firstNumber(row []string) int {
	for i := range row {
		if _, err := strconv.ParseFloat(strings.TrimSpace(row[i]), 64); err == nil && i != t.when {
			return i
		}
	}
	return -1
}

func (t *table) number(text string) (float64, error) {
	text = strings.TrimSpace(text)
	switch strings.ToLower(text) {
	case "", "na", "n/a", "nan", "null", "-":
		return math.NaN(), nil
	}
	if t.columns.Number == "comma" {
		text = strings.ReplaceAll(text, ",", ".")
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%.40q is no number", text)
	}
	return v, nil
}

// unit is what was said, else what the column's title or another title says.
func (t *table) unit() (Unit, error) {
	if t.columns.Unit != "" {
		return ParseUnit(t.columns.Unit)
	}
	if u, ok := FindUnit(t.titles[min(t.at, len(t.titles)-1)]); ok {
		return u, nil
	}
	if u, ok := FindUnit(strings.Join(t.titles, " ")); ok {
		return u, nil
	}
	return Unit{}, errors.New("no title says the unit; give it, for example g/kWh or EUR/MWh")
}
