package rehearse

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"drover.dev/api"
	"drover.dev/api/cron"
	"drover.dev/internal/forecast"
	"drover.dev/internal/trace"
)

// Ways to foresee a signal.
const (
	ForecastNone     = "none"     // everything is known
	ForecastSeasonal = "seasonal" // as it was a day ago
	ForecastAuto     = "auto"     // forecast.Updating
)

// Forecasts lists them, the default first.
func Forecasts() []string { return []string{ForecastNone, ForecastSeasonal, ForecastAuto} }

// predictor is forecast.Updating or forecast.Repeating.
type predictor interface {
	Observe(v float64)
	Predict(out []float64)
}

func newPredictor(kind string, season, ahead int) (predictor, error) {
	switch kind {
	case ForecastSeasonal, ForecastNone:
		return &forecast.Repeating{Season: season}, nil
	case ForecastAuto:
		return forecast.NewUpdating(season, ahead)
	}
	return nil, fmt.Errorf("there is no forecast %.40q: it is one of %s", kind, strings.Join(Forecasts(), ", "))
}

// maxFiles bounds the files of one signal.
const maxFiles = 100

// gridOf reads a signal at equal steps from a CSV, FILE or FILE#COLUMN, or from some
// that follow each other, with commas between; 0 is the files' own step. A price
// whose header says /MWh is turned into one a kWh.
func gridOf(names string, step api.Duration, kind api.SignalKind) (trace.Grid, error) {
	var all []trace.Sample
	files := strings.Split(names, ",")
	if len(files) > maxFiles {
		return trace.Grid{}, fmt.Errorf("a signal of %d files: at most %d can be read", len(files), maxFiles)
	}
	for _, name := range files {
		list, err := readSamples(name, kind)
		if err != nil {
			return trace.Grid{}, fmt.Errorf("read the signal %.300s: %w", name, err)
		}
		for len(all) > 0 && len(list) > 0 && list[0].At <= all[len(all)-1].At {
			list = list[1:] // what two files both have
		}
		if len(list) == 0 {
			return trace.Grid{}, fmt.Errorf("read the signal %.300s: it has no value behind those before; name files in the order of time", name)
		}
		all = append(all, list...)
	}
	if step == 0 {
		step = trace.UsualStep(all)
	}
	g, err := trace.OnGrid(all, step)
	if err != nil {
		return trace.Grid{}, fmt.Errorf("read the signal %.300s: %w", names, err)
	}
	return g, nil
}

// The units of either kind, as headers write them.
var (
	carbonUnit = regexp.MustCompile(`(?i)co[₂2]|\bk?g/[km]wh|\blbs?/mwh`)
	priceUnit  = regexp.MustCompile(`(?i)price|\b[a-z]{3} ?/ ?[km]wh`)
)

// otherKind reports whether a header names units, and only those of the other kind.
func otherKind(title string, kind api.SignalKind) bool {
	carbon, price := carbonUnit.MatchString(title), priceUnit.MatchString(title)
	return kind == api.SignalPrice && carbon && !price || kind == api.SignalCarbon && price && !carbon
}

func readSamples(name string, kind api.SignalKind) ([]trace.Sample, error) {
	file, column, _ := strings.Cut(name, "#")
	list, _, err := samplesOf(file, column, kind)
	return list, err
}

// samplesOf reads a column of a file, and its header.
func samplesOf(file, column string, kind api.SignalKind) ([]trace.Sample, string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	list, title, err := trace.Samples(f, column)
	if err != nil {
		return nil, "", err
	}
	if otherKind(title, kind) {
		return nil, "", fmt.Errorf("it is to bring a %s, and its header is %.200q: name a file of that, or a column as FILE#COLUMN whose header says the unit", kind, title)
	}
	if kind == api.SignalPrice && strings.Contains(title, "/MWh") {
		for i := range list {
			list[i].Value /= 1000
		}
	}
	return list, title, nil
}

// MarketZone is where day-ahead prices of the European coupling are published.
const MarketZone = "Europe/Brussels"

// published is the hour of the day from which tomorrow's prices are known: the
// European day-ahead auction closes at noon and its results are out before one.
const published = 13

// knownPrices tells for each step of a grid how many steps from the first one on
// have a published price when it begins.
func knownPrices(g trace.Grid, zone string) ([]int, error) {
	where, err := cron.Zone(zone)
	if err != nil {
		return nil, fmt.Errorf("the zone of the market: %w", err)
	}
	known := make([]int, len(g.Values))
	for i := range known {
		until := publishedUntil(g.From.Add(api.Duration(i)*g.Step), where)
		known[i] = min(int(until.Sub(g.From)/g.Step), len(known))
	}
	return known, nil
}

// publishedUntil is up to when prices are known at a moment.
func publishedUntil(at api.Time, where *time.Location) api.Time {
	now := time.Unix(0, int64(at)).In(where)
	days := 1
	if now.Hour() >= published {
		days = 2
	}
	return api.Time(time.Date(now.Year(), now.Month(), now.Day()+days, 0, 0, 0, 0, where).UnixNano())
}
