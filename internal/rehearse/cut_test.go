package rehearse

import (
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/twin"
)

func TestParseCut(t *testing.T) {
	got, err := ParseCut("plant-1:dc@1h+10m")
	if want := (twin.Cut{Sites: [2]string{"plant-1", "dc"}, From: api.Hour, For: 10 * api.Minute}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for text, want := range map[string]string{
		"": "no cut of a link", "a:b": "no cut of a link", "a@1h+1h": "no cut of a link", "a:b@1h": "no cut of a link",
		"a:b@soon+1h": "soon", "a:b@1h+-1s": "from 0s to",
	} {
		if _, err := ParseCut(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
