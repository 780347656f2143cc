package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"drover.dev/api"
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
