package signal

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"drover.dev/api"
)

// Tariff is what a supplier charges for energy by the time of use, and for the highest
// power. Its name is the zone of a price signal; a site names it as its tariff.
type Tariff struct {
	Name     string   `yaml:"name"`
	Currency string   `yaml:"currency"`
	TZ       string   `yaml:"tz"`    // IANA zone by whose clocks its hours count
	Price    float64  `yaml:"price"` // per kWh outside of all rates; may be negative
	Rates    []Rate   `yaml:"rates"` // the first that holds counts
	Demand   []Demand `yaml:"demand"`

	zone *time.Location
}

// Rate is a price for some hours.
type Rate struct {
	Name  string  `yaml:"name"`
	Price float64 `yaml:"price"` // per kWh; may be negative
	Hours `yaml:",inline"`
}

// Demand is a charge for the highest mean power in some hours of a month or day.
type Demand struct {
	Name  string  `yaml:"name"`
	Price float64 `yaml:"price"` // per kW
	Per   string  `yaml:"per"`   // "month" or "day"
	// Over is how long the power is averaged. Default 15m.
	Over  Span `yaml:"over"`
	Hours `yaml:",inline"`
}

// Hours say when something holds, by the clocks of the tariff's zone. What is left out
// holds always. The hour that is skipped in spring is in no bill; the one that comes
// twice in autumn is charged twice, each time by what the clocks show.
type Hours struct {
	From   string `yaml:"from"`   // "07:00"
	To     string `yaml:"to"`     // "22:00"; before From: over midnight, by the day on which it begins
	Days   string `yaml:"days"`   // "mon-fri", "sat,sun"
	Months string `yaml:"months"` // "nov-mar", "6,7,8"

	from, to int // minutes of the day
	days     [7]bool
	months   [13]bool
}

var (
	dayNames   = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	monthNames = []string{"", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
)

// Validate makes the tariff ready and returns what is wrong, everything at once.
func (t *Tariff) Validate() error {
	var errs []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("tariff %s: %w", t.Name, fmt.Errorf(format, args...)))
		}
	}
	fault(!api.ValidName(t.Name), "name: %.40q is no name: use a-z, 0-9 and '-'", t.Name)
	fault(!isCurrency(t.Currency), "currency: %.20q is no currency; write an ISO 4217 code such as EUR", t.Currency)
	var err error
	t.zone, err = zoneNamed(t.TZ)
	fault(err != nil, "tz: %w", err)
	fault(!sane(t.Price), "price: %g is out of range", t.Price)
	fault(len(t.Rates)+len(t.Demand) > maxSources, "it has more than %d rates and charges", maxSources)
	for i := range t.Rates {
		err := t.Rates[i].read()
		fault(err != nil, "rates[%d].%w", i, err)
		fault(!sane(t.Rates[i].Price), "rates[%d].price: %g is out of range", i, t.Rates[i].Price)
	}
	for i := range t.Demand {
		d := &t.Demand[i]
		err := d.read()
		fault(err != nil, "demand[%d].%w", i, err)
		fault(!sane(d.Price) || d.Price < 0, "demand[%d].price: %g is out of range", i, d.Price)
		fault(d.Per != "month" && d.Per != "day", "demand[%d].per: %.20q is neither month nor day", i, d.Per)
		if d.Over == 0 {
			d.Over = Span(15 * time.Minute)
		}
		fault(d.Over.std() < time.Minute || d.Over.std() > 24*time.Hour, "demand[%d].over: it lies from 1m to 24h", i)
	}
	return errors.Join(errs...)
}

func sane(price float64) bool { return math.Abs(price) < 1e5 } // false for NaN, too

// read understands the texts.
func (h *Hours) read() (err error) {
	if h.from, err = clock(h.From, 0); err != nil {
		return fmt.Errorf("from: %w", err)
	}
	if h.to, err = clock(h.To, 24*60); err != nil {
		return fmt.Errorf("to: %w", err)
	}
	if h.from == h.to {
		return errors.New("to: it is the same as from")
	}
	if err = members(h.Days, dayNames, 0, h.days[:]); err != nil {
		return fmt.Errorf("days: %w", err)
	}
	if err = members(h.Months, monthNames, 1, h.months[:]); err != nil {
		return fmt.Errorf("months: %w", err)
	}
	return nil
}

func clock(text string, none int) (int, error) {
	if text == "" {
		return none, nil
	}
	if text == "24:00" {
		return 24 * 60, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("%.20q is no time of day; write 07:30", text)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// members reads a list of names and stretches of names into the set of their numbers.
func members(text string, names []string, least int, set []bool) error {
	if text == "" {
		for i := range set {
			set[i] = true
		}
		return nil
	}
	number := func(name string) (int, error) {
		name = strings.ToLower(strings.TrimSpace(name))
		for i := least; i < len(names); i++ {
			if n, err := strconv.Atoi(name); names[i] == name || err == nil && least == 1 && n == i {
				return i, nil
			}
		}
		return 0, fmt.Errorf("%.20q is none of %s", name, strings.Join(names[least:], ", "))
	}
	for _, part := range strings.Split(text, ",") {
		a, b, stretch := strings.Cut(part, "-")
		from, err := number(a)
		if err != nil {
			return err
		}
		to := from
		if stretch {
			if to, err = number(b); err != nil {
				return err
			}
		}
		for i := from; ; i++ {
			if i == len(names) {
				i = least
			}
			if set[i] = true; i == to {
				break
			}
		}
	}
	return nil
}

// holds tells whether the hours contain a moment that clocks show so.
func (h *Hours) holds(at time.Time) bool {
	minute := at.Hour()*60 + at.Minute()
	day, month := int(at.Weekday()), at.Month()
	switch {
	case h.from < h.to && (minute < h.from || minute >= h.to):
		return false
	case h.from > h.to && minute >= h.to && minute < h.from:
		return false
	case h.from > h.to && minute < h.to: // it began the day before
		before := time.Date(at.Year(), month, at.Day()-1, 12, 0, 0, 0, time.UTC)
		day, month = int(before.Weekday()), before.Month()
	}
	return h.days[day] && h.months[month]
}

// At is the price per kWh at a moment, in units of the currency.
func (t *Tariff) At(at time.Time) float64 {
	at = at.In(t.zone)
	for i := range t.Rates {
		if t.Rates[i].holds(at) {
			return t.Rates[i].Price
		}
	}
	return t.Price
}

// Signal is the tariff's prices over a stretch of time, all of them known.
func (t *Tariff) Signal(from, to, now api.Time) *api.Signal {
	const step = 15 * api.Minute
	s := &api.Signal{
		Kind: api.SignalPrice, Zone: t.Name, Currency: t.Currency, Start: floor(from, step), Step: step, Origin: "tariff", Issued: now,
	}
	for s.End() < to && len(s.Values) < api.MaxSignalValues {
		s.Values = append(s.Values, int64(math.Round(t.At(time.Unix(0, int64(s.End())))*1e6)))
	}
	s.Known = int32(len(s.Values))
	s.Usual, s.UsualSpread = usual(s.Values)
	return s
}

// Bill is what a tariff charges, in units of its currency.
type Bill struct {
	Energy, Demand float64
	Peaks          []Peak
}

// Peak is the highest mean power that a charge counted in one month or day.
type Peak struct {
	Charge string
	Period string // 2023-07 or 2023-07-14
	KW     float64
	Cost   float64
}

// Total is all of it.
func (b *Bill) Total() float64 { return b.Energy + b.Demand }

// Bill charges for power in W, one value for each step from a moment on.
func (t *Tariff) Bill(from time.Time, step time.Duration, watts []float64) Bill {
	var b Bill
	for i, w := range watts {
		at := from.Add(time.Duration(i) * step)
		b.Energy += w / 1000 * step.Hours() * t.At(at)
	}
	for i := range t.Demand {
		t.Demand[i].charge(t.zone, from, step, watts, &b)
	}
	return b
}

// charge finds the peaks of one demand charge, in the order of their periods.
func (d *Demand) charge(zone *time.Location, from time.Time, step time.Duration, watts []float64, b *Bill) {
	form := "2006-01"
	if d.Per == "day" {
		form = "2006-01-02"
	}
	each := max(1, int(d.Over.std()/step))
	first := len(b.Peaks)
	for i := 0; i < len(watts); i += each {
		at := from.Add(time.Duration(i) * step).In(zone)
		if !d.holds(at) {
			continue
		}
		sum, n := 0.0, min(each, len(watts)-i)
		for _, w := range watts[i : i+n] {
			sum += w
		}
		kw, period := sum/float64(n)/1000, at.Format(form)
		if last := len(b.Peaks) - 1; last >= first && b.Peaks[last].Period == period {
			b.Peaks[last].KW = max(b.Peaks[last].KW, kw)
		} else {
			b.Peaks = append(b.Peaks, Peak{Charge: d.Name, Period: period, KW: kw})
		}
	}
	for i := first; i < len(b.Peaks); i++ {
		b.Peaks[i].Cost = max(b.Peaks[i].KW, 0) * d.Price
		b.Demand += b.Peaks[i].Cost
	}
}
