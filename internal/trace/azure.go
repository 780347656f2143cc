package trace

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"drover.dev/api"
)

// What a request to a language model is taken to need, since the trace tells only
// its tokens: round figures for one model on one accelerator, nobody's measurement.
const (
	promptPerToken    = 100 * api.Microsecond
	generatedPerToken = 25 * api.Millisecond
	requestGPU        = 100 // thousandths of an accelerator, as if ten requests share one
)

// azureLLM is the requests of Azure's language model services of 2023 (Patel and
// others, 2024, "Splitwise").
var azureLLM = Format{
	Name: "azure-llm", Doc: "Azure's LLM inference traces of 2023: a request a line with its tokens, 0.1 ms of a tenth of a GPU for each of the prompt and 25 ms for each generated (assumed)",
	detect: func(first string) bool { return strings.HasPrefix(first, "TIMESTAMP,ContextTokens,GeneratedTokens") },
	open: func(l *lines) (Reader, error) {
		t, err := newTable(l, "TIMESTAMP", "ContextTokens", "GeneratedTokens")
		return &llmReader{table: t}, err
	},
}

type llmReader struct {
	*table
	first time.Time
}

func (r *llmReader) Next() (Row, error) {
	if err := r.row(); err != nil {
		return Row{}, err
	}
	at, err := time.Parse("2006-01-02 15:04:05.999999999", r.text("TIMESTAMP"))
	if err != nil {
		return Row{}, r.fault("TIMESTAMP is %.40q and not like 2023-11-16 18:17:03.9799600", r.text("TIMESTAMP"))
	}
	if r.first.IsZero() {
		r.first = at
	}
	const most = 1 << 30
	prompt, err := r.whole("ContextTokens", most)
	if err != nil {
		return Row{}, err
	}
	generated, err := r.whole("GeneratedTokens", most)
	if err != nil {
		return Row{}, err
	}
	return Row{
		ID: strconv.Itoa(r.n), Count: 1, Submit: api.Duration(at.Sub(r.first)),
		Run:  api.Duration(prompt)*promptPerToken + api.Duration(generated)*generatedPerToken,
		Each: api.Resources{CPU: 100, Accelerators: []api.Accelerator{{Kind: "gpu", Count: requestGPU}}},
	}, nil
}

// Dir is a directory with a trace in several files. [Open] takes it as it takes a
// file.
type Dir struct{ fs.FS }

// Read says that a directory is none of the traces that are one file.
func (Dir) Read([]byte) (int, error) { return 0, errors.New("it is a directory") }

// azureFunctions is a day of Azure Functions (Shahrad and others, 2020,
// "Serverless in the Wild"): a directory with three tables. Of an invocation the
// trace tells the minute, and of the function the quantiles of its run times; when
// in the minute, and how long, is drawn from these, always in the same way.
var azureFunctions = Format{
	Name: "azure-functions", Doc: "Azure Functions 2019: a directory with invocations, durations and memory (.csv or .csv.gz)",
	detect: func(string) bool { return false }, // it is a directory
	open:   func(*lines) (Reader, error) { return nil, errors.New("name the directory that holds its files") },
}

// Close makes a directory as good as a file that was opened.
func (Dir) Close() error { return nil }

// functionCPU is what an invocation is taken to ask for: the trace does not tell.
const functionCPU = 1000

// function is what the trace tells of one.
type function struct {
	id, owner string
	memory    api.Bytes
	quantiles [7]api.Duration // run times at functionRanks
}

var (
	functionRanks   = [7]float64{0, 0.01, 0.25, 0.5, 0.75, 0.99, 1}
	functionColumns = [7]string{
		"percentile_Average_0", "percentile_Average_1", "percentile_Average_25", "percentile_Average_50",
		"percentile_Average_75", "percentile_Average_99", "percentile_Average_100",
	}
)

// burst is how often a function was invoked in a minute.
type burst struct{ function, count uint32 }

// Bounds on what is kept of a day: the published ones have some 50,000 functions
// and 10 million bursts.
const (
	maxFunctions = 1 << 20
	maxBursts    = 1 << 26
	maxInvoked   = 10_000_000 // in a minute
)

type functionsReader struct {
	functions []function
	minutes   [][]burst
	bursts    int
	faults    []*RowError // of rows that were passed over; told first
	rows      []Row       // of the minute that is read now
	minute    int
	rng       *rand.Rand
	n         int
}

func openFunctions(dir fs.FS) (Reader, error) {
	f := &functionsReader{rng: rand.New(rand.NewPCG(2019, 100))}
	durations, memory := map[string][7]api.Duration{}, map[string]api.Bytes{}
	err := errors.Join(
		eachRow(dir, "durations", func(t *table) error {
			v, err := t.numbers(functionColumns[:]...)
			if err != nil {
				return err
			}
			var q [7]api.Duration
			for i := range v {
				if q[i], err = t.span(functionColumns[i], v[i], api.Millisecond); err != nil {
					return err
				}
			}
			durations[t.text("HashFunction")] = q
			return nil
		}, append(functionColumns[:], "HashFunction")...),
		eachRow(dir, "memory", func(t *table) error {
			mb, err := t.number("AverageAllocatedMb")
			// The dataset of the whole day tells of applications only.
			for _, key := range []string{"HashFunction", "HashApp"} {
				if _, ok := t.columns[key]; ok {
					memory[t.text(key)] = api.Bytes(min(mb, 1<<30)) * api.MiB
				}
			}
			return err
		}, "HashApp", "AverageAllocatedMb"),
	)
	if err != nil {
		return nil, err
	}
	return f, eachRow(dir, "invocations", func(t *table) error { return f.invocations(t, durations, memory) }, "HashOwner", "HashApp", "HashFunction")
}

// eachRow reads one of the tables, from the first file with that in its name.
func eachRow(dir fs.FS, what string, f func(*table) error, columns ...string) error {
	files, err := fs.Glob(dir, "*"+what+"*.csv*")
	if err != nil || len(files) == 0 {
		return fmt.Errorf("the directory has no file like *%s*.csv or *%s*.csv.gz", what, what)
	}
	in, err := dir.Open(files[0])
	if err != nil {
		return err
	}
	defer in.Close()
	plain, err := gunzip(in)
	if err != nil {
		return fmt.Errorf("%s: %w", files[0], err)
	}
	t, err := newTable(newLines(plain), columns...)
	for err == nil {
		if err = t.row(); err == nil {
			err = f(t)
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("%s: %w", files[0], err)
}

// invocations takes a function and its minutes. A function of which no run time is
// known is a fault of its row.
func (f *functionsReader) invocations(t *table, durations map[string][7]api.Duration, memory map[string]api.Bytes) error {
	name := t.text("HashFunction")
	q, ok := durations[name]
	if !ok {
		if len(f.faults) < maxFunctions {
			f.faults = append(f.faults, &RowError{t.n, fmt.Sprintf("function %.12s has no durations", name)})
		}
		return nil
	}
	if len(f.functions) == maxFunctions {
		return t.fault("more than %d functions", maxFunctions)
	}
	at := uint32(len(f.functions))
	mem, ok := memory[name]
	if !ok {
		mem = memory[t.text("HashApp")]
	}
	f.functions = append(f.functions, function{fmt.Sprintf("%.12s", name), fmt.Sprintf("%.12s", t.text("HashOwner")), mem, q})
	for column, i := range t.columns {
		minute, err := strconv.Atoi(column)
		if err != nil || t.fields[i] == "0" {
			continue
		}
		count, err := t.whole(column, maxInvoked)
		if err != nil {
			return err
		}
		if minute < 0 || minute > 1<<16 || f.bursts == maxBursts {
			return t.fault("minute %d is too many, or there are more than %d minutes with invocations", minute, maxBursts)
		}
		f.bursts++
		f.minutes = append(f.minutes, make([][]burst, max(minute+1-len(f.minutes), 0))...)
		f.minutes[minute] = append(f.minutes[minute], burst{at, uint32(count)})
	}
	return nil
}

// Next gives the faults of the tables first and then the invocations in order.
func (f *functionsReader) Next() (Row, error) {
	if len(f.faults) > 0 {
		fault := f.faults[0]
		f.faults = f.faults[1:]
		return Row{}, fault
	}
	for len(f.rows) == 0 {
		if f.minute == len(f.minutes) {
			return Row{}, io.EOF
		}
		f.fill()
		f.minute++
	}
	row := f.rows[0]
	f.rows = f.rows[1:]
	f.n++
	row.ID += "-" + strconv.Itoa(f.n)
	return row, nil
}

// fill draws the invocations of a minute.
func (f *functionsReader) fill() {
	f.rows = f.rows[:0]
	list := f.minutes[f.minute]
	slices.SortFunc(list, func(a, b burst) int { return cmp.Compare(a.function, b.function) })
	for _, b := range list {
		fn := &f.functions[b.function]
		for range b.count {
			f.rows = append(f.rows, Row{
				ID: fn.id, Program: fn.id, User: fn.owner, Count: 1, Each: api.Resources{CPU: functionCPU, Memory: fn.memory},
				Submit: api.Duration(f.minute)*api.Minute + api.Duration(f.rng.Int64N(int64(api.Minute))),
				Run:    fn.draw(f.rng.Float64()),
			})
		}
	}
	slices.SortStableFunc(f.rows, func(a, b Row) int { return cmp.Compare(a.Submit, b.Submit) })
}

// draw is the run time at a rank from 0 to 1, straight between the known ones.
func (fn *function) draw(rank float64) api.Duration {
	for i := 1; i < len(functionRanks); i++ {
		if rank <= functionRanks[i] {
			low, high := fn.quantiles[i-1], fn.quantiles[i]
			part := (rank - functionRanks[i-1]) / (functionRanks[i] - functionRanks[i-1])
			return max(low+api.Duration(part*float64(high-low)), api.Millisecond)
		}
	}
	return fn.quantiles[len(fn.quantiles)-1]
}
