package report

import "testing"

func TestTruncateMiddle(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		width int
		want  string
	}{
		"it fits":             {"render-0001", 11, "render-0001"},
		"both ends stay":      {"render-of-the-film-0001", 11, "rende…-0001"},
		"an even width":       {"render-of-the-film-0001", 10, "rende…0001"},
		"too narrow for both": {"render-of-the-film-0001", 4, "ren…"},
		"wide characters":     {"渲染一部电影的任务0001", 11, "渲染一…0001"},
		"nothing":             {"", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := TruncateMiddle(c.text, c.width)
			if got != c.want || Width(got) > c.width {
				t.Errorf("%q of width %d, want %q", got, Width(got), c.want)
			}
		})
	}
}
