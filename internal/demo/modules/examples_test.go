package modules_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// runExample runs a module of the examples folder.
func (k *task) runExample(t *testing.T, name string) *task {
	t.Helper()
	e, err := defaultEngine()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "..", "..", "examples", name, name+".wasm")
	return k.runOn(t, e, "example "+name, func() ([]byte, error) { return os.ReadFile(path) })
}

func TestExampleHello(t *testing.T) {
	k := newTask(t, nil)
	k.args, k.env = []string{"a b", "c"}, map[string]string{"DROVER_INDEX": "4", "HOME": "/root"}
	want := "Hello from a WebAssembly task.\nargument 1: a b\nargument 2: c\nDROVER_INDEX=4\n"
	if got := k.runExample(t, "hello").wantOK(t).stdout; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestExampleWordcount(t *testing.T) {
	type counts struct {
		Lines, Words, Distinct int
		Top                    []struct {
			Word  string
			Count int
		}
	}
	cases := map[string]struct {
		text string
		want string
	}{
		"empty":       {"", "{0 0 0 []}"},
		"two lines":   {"The cat, the dog;\nthe END", "{2 6 4 [{the 3} {cat 1} {dog 1} {end 1}]}"},
		"binary":      {"a\x00a\xff\"\\\n", "{1 2 1 [{a 2}]}"},
		"a long word": {strings.Repeat("x", 500), "{1 1 1 [{" + strings.Repeat("x", 63) + " 1}]}"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			k := newTask(t, map[string]string{"text.txt": c.text}).runExample(t, "wordcount").wantOK(t)
			var got counts
			if err := json.Unmarshal([]byte(k.output(t, "counts.json")), &got); err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	t.Run("no file", func(t *testing.T) {
		newTask(t, nil).runExample(t, "wordcount").wantRefusal(t, 1, "/in/text.txt cannot be opened")
	})
	t.Run("too many words", func(t *testing.T) {
		var b strings.Builder
		for i := range 100_001 {
			fmt.Fprintf(&b, "w%d\n", i)
		}
		newTask(t, map[string]string{"text.txt": b.String()}).runExample(t, "wordcount").wantRefusal(t, 2, "line 100001: more than 100000")
	})
}

func TestExamplePrimes(t *testing.T) {
	const limit, tasks = 1_000_000, 7
	total, next := 0, 0
	for i := range tasks {
		k := newTask(t, nil)
		k.args, k.env = []string{strconv.Itoa(limit), strconv.Itoa(tasks)}, map[string]string{"DROVER_INDEX": strconv.Itoa(i)}
		var from, to, count int
		if _, err := fmt.Sscan(k.runExample(t, "primes").wantOK(t).stdout, &from, &to, &count); err != nil {
			t.Fatal(err)
		}
		if from != next {
			t.Errorf("slice %d begins at %d, want %d", i, from, next)
		}
		total, next = total+count, to
	}
	if total != 78498 || next != limit { // the number of primes below a million
		t.Errorf("%d primes below %d, want 78498 below %d", total, next, limit)
	}
}

func TestExamplePrimesRefuses(t *testing.T) {
	cases := map[string]struct {
		args  []string
		index string
	}{
		"no arguments": {nil, "0"}, "no index": {[]string{"10", "2"}, ""}, "index too large": {[]string{"10", "2"}, "2"},
		"limit is text": {[]string{"ten", "2"}, "0"}, "a limit too far": {[]string{"99999999999", "2"}, "0"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			k := newTask(t, nil)
			k.args, k.env = c.args, map[string]string{"DROVER_INDEX": c.index}
			k.runExample(t, "primes").wantRefusal(t, 64, "primes: ")
		})
	}
}
