package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"drover.dev/api"
	"drover.dev/internal/driver/process"
	"drover.dev/internal/driver/wasm"
	"drover.dev/internal/driver/worker"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/live/httpapi/httpapitest"
	"github.com/cockroachdb/datadriven"
)

func TestMain(m *testing.M) {
	worker.Main(append(process.Kinds(), wasm.Kinds()...)...)
	flag.Parse()
	os.Exit(m.Run())
}

// console is an app whose streams are kept.
type console struct {
	*app
	out, err bytes.Buffer
}

// newConsole is a terminal of 100 columns without colours, of a person without
// any files.
func newConsole(t *testing.T, env map[string]string) *console {
	c := &console{}
	c.app = &app{
		in: strings.NewReader(""), out: &c.out, err: &c.err, width: 100, home: t.TempDir(), now: time.Now, hintAfter: time.Hour,
		getenv: func(name string) string {
			if name == "NO_COLOR" {
				return "1"
			}
			return env[name]
		},
	}
	return c
}

// script is a cell without network that a script plays with.
type script struct {
	t      *testing.T
	cell   *httpapitest.Cell
	server *httptest.Server
	dir    string
}

func newScript(t *testing.T) *script {
	s := &script{t: t, cell: httpapitest.New(t), dir: t.TempDir()}
	ctx, cancel := context.WithCancel(t.Context())
	s.server = httptest.NewUnstartedServer(nil)
	s.server.Config = httpapi.New(s.cell, httpapi.Options{LogPoll: time.Millisecond}).HTTPServer(ctx)
	s.server.Start()
	t.Cleanup(func() {
		cancel()
		s.server.Close()
	})
	s.cell.Logs = func(r api.LogRequest) (api.LogChunk, error) {
		text := fmt.Sprintf("%s of try %d\n", r.Stream, r.Try)
		return api.LogChunk{Data: []byte(text), Next: int64(len(text)), Final: true}, nil
	}
	return s
}

// TestScripts plays testdata/*.txt. A line is a command line of drover, or:
//
//	node NAME      a node registers
//	finish [TEXT]  everything that is placed succeeds; its first output is TEXT
//	fail           everything that is placed fails once
//	refuse WHY     the cell takes nothing from now on: busy, full, follows
//	file NAME      the input is written to a file, of which F/ is the directory
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/scripts", func(t *testing.T, path string) {
		s := newScript(t)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			words := make([]string, 0, len(d.CmdArgs))
			for _, a := range d.CmdArgs {
				words = append(words, a.String())
			}
			return s.step(d.Cmd, words, d.Input)
		})
	})
}

func (s *script) step(cmd string, words []string, input string) string {
	switch cmd {
	case "node":
		s.cell.AddNode(words[0])
	case "finish":
		var outputs []api.Value
		if len(words) > 0 {
			text := []byte(words[0] + "\n")
			outputs = []api.Value{{Name: "out", File: "out.txt", Size: api.Bytes(len(text)), Inline: text}}
		}
		return fmt.Sprintf("%d finished\n", s.cell.Finish(outputs...))
	case "fail":
		s.cell.Fail()
	case "refuse":
		why := map[string]error{"busy": &httpapi.BusyError{RetryAfter: 3 * time.Second}, "full": httpapi.ErrStorage, "follows": httpapi.ErrNotLeader}[words[0]]
		s.cell.Refuse = func() error { return why }
	case "file":
		if err := os.WriteFile(filepath.Join(s.dir, words[0]), []byte(input), 0o600); err != nil {
			s.t.Fatal(err)
		}
	case "drover":
		return s.drover(strings.Fields(input))
	default:
		s.t.Fatalf("there is no step %q", cmd)
	}
	return ""
}

// drover runs a command line; F/ stands for the directory of the files.
func (s *script) drover(words []string) string { return s.droverUntil("", words) }

// droverUntil is drover that is interrupted once it has told of something.
func (s *script) droverUntil(told string, words []string) string {
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	for i, w := range words {
		words[i] = strings.ReplaceAll(w, "F/", s.dir+"/")
	}
	c := newConsole(s.t, map[string]string{"DROVER_SERVER": s.server.URL, "DROVER_TOKEN": httpapitest.Admin})
	c.now = func() time.Time { return s.cell.Now().Add(api.Minute).Std() }
	if told != "" {
		c.hintAfter, c.app.err = 0, &stopper{w: &c.err, at: told, stop: cancel}
	}
	code := c.run(ctx, words)
	text := strings.ReplaceAll(c.out.String()+c.err.String(), s.dir, "F")
	if code != 0 {
		text += fmt.Sprintf("(exit code %d)\n", code)
	}
	if strings.Contains(text, "\n\n") { // datadriven ends a block at an empty line
		text = strings.ReplaceAll(text, "\n\n", "\n.\n")
	}
	return text
}

// stopper stops a command once it has written a text.
type stopper struct {
	mu   sync.Mutex // a hint may be given meanwhile
	w    io.Writer
	at   string
	stop func()
}

func (s *stopper) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.Contains(string(b), s.at) {
		defer s.stop()
	}
	return s.w.Write(b)
}
