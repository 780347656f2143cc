package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/artifact"
	"drover.dev/internal/engine"
	"drover.dev/internal/live/httpapi"
	"drover.dev/internal/live/httpapi/httpapitest"
	"drover.dev/internal/state"
)

// narrow is a cell whose records hold so many commands.
type narrow struct {
	*httpapitest.Cell
	room  int
	times int
}

func (n *narrow) Do(ctx context.Context, inputs []engine.Input) ([]state.Answer, uint64, error) {
	n.times++
	fit := min(n.room, len(inputs))
	answers, seq, err := n.Cell.Do(ctx, inputs[:fit])
	for range inputs[fit:] {
		answers = append(answers, state.Answer{Code: state.CodeBusy, Message: "the record is full"})
	}
	return answers, seq, err
}

func TestWhatIsTooMuchForOneRecordGoesIntoTheNext(t *testing.T) {
	body := batch(job("a"), job("b"), job("c"), job("d"), job("e"))
	for name, c := range map[string]struct{ room, times, status int }{
		"two at a time": {2, 3, 201}, "all at once": {5, 1, 201}, "none": {0, 1, 429},
	} {
		t.Run(name, func(t *testing.T) {
			cell := &narrow{Cell: httpapitest.New(t), room: c.room}
			r := httptest.NewRequest("POST", "/v1/workloads", strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+httpapitest.Admin)
			w := httptest.NewRecorder()
			httpapi.New(cell, httpapi.Options{}).ServeHTTP(w, r)
			var reply api.BatchReply
			if err := json.Unmarshal(w.Body.Bytes(), &reply); err != nil || len(reply.Items) != 5 {
				t.Fatalf("%v: %s", err, w.Body)
			}
			for i, item := range reply.Items {
				if item.Status != c.status || item.Name != string(rune('a'+i)) {
					t.Errorf("item %d: %+v", i, item)
				}
			}
			if cell.times != c.times {
				t.Errorf("%d records, want %d", cell.times, c.times)
			}
		})
	}
}

// What no node can run yet is accepted, and the answer says so with the nearest
// driver that there is.
func TestWarnings(t *testing.T) {
	with := func(driver string) string { return strings.Replace(job("hello"), `"noop"`, `"`+driver+`"`, 1) }
	for name, c := range map[string]struct {
		nodes  int
		driver string
		want   string
	}{
		"a driver that a node has":        {1, "noop", ""},
		"one letter is wrong":             {1, "procces", `no registered node has the driver "procces", so the task waits for one that does; did you mean process?`},
		"an unknown driver":               {1, "kubernetes", `no registered node has the driver "kubernetes", so the task waits for one that does; nodes have noop, process, wasm`},
		"no nodes, a known driver":        {0, "noop", ""},
		"no nodes, nearly a known driver": {0, "nop", `no registered node has the driver "nop", so the task waits for one that does; did you mean noop?`},
		"no nodes, an unknown driver":     {0, "kubernetes", `no registered node has the driver "kubernetes", so the task waits for one that does`},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, httpapi.Options{})
			for range c.nodes {
				w.cell.AddNode("n1")
			}
			check := func(from string, list []api.FieldError) {
				t.Helper()
				switch {
				case c.want == "" && len(list) > 0:
					t.Errorf("%s: unasked warnings %+v", from, list)
				case c.want != "" && (len(list) != 1 || list[0].Message != c.want || list[0].Path != "tasks[0].driver"):
					t.Errorf("%s: warnings %+v, want %q", from, list, c.want)
				}
			}
			var plan api.Plan
			w.into(w.do("POST", "/v1/plan", with(c.driver)), 200, &plan)
			check("plan", plan.Warnings)
			var one api.Applied
			w.into(w.do("POST", "/v1/workloads", with(c.driver)), 201, &one)
			check("submit", one.Warnings)
			var many api.BatchReply
			w.into(w.do("POST", "/v1/workloads", batch(strings.Replace(with(c.driver), `"hello"`, `"again"`, 1))), 200, &many)
			check("batch", many.Items[0].Warnings)
		})
	}
}

// cutOff is a cell whose store of artifacts cannot be reached.
type cutOff struct{ *httpapitest.Cell }

type noStore struct{ artifact.Store }

func (c cutOff) Artifacts() artifact.Store { return noStore{} }

func (noStore) Stat(context.Context, artifact.Digest) (artifact.Info, error) {
	return artifact.Info{}, artifact.ErrUnavailable
}

// That the store does not answer is no fault of the document: it may be sent again.
func TestAStoreOutOfReachIsNoFaultOfTheDocument(t *testing.T) {
	cell := cutOff{httpapitest.New(t)}
	server := httptest.NewServer(httpapi.New(cell, httpapi.Options{}).HTTPServer(t.Context()).Handler)
	defer server.Close()
	w := &world{T: t, cell: cell.Cell, server: server, token: httpapitest.Admin}
	body := `{"apiVersion":"drover/v1","kind":"job","name":"x","tasks":[{"name":"main","driver":"process","command":["true"],
		"inputs":[{"path":"in","digest":"sha256:` + strings.Repeat("0", 64) + `"}]}]}`
	for _, path := range []string{"/v1/workloads", "/v1/plan"} {
		r := w.do("POST", path, body)
		if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %s %s", path, r.Status, r.body)
		}
	}
}
