package rehearse

import (
	"fmt"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/twin"
)

// ParseCut reads a cut of the link between two sites: "plant:dc@1h+10m" is from an
// hour after the start and for ten minutes.
func ParseCut(text string) (c twin.Cut, err error) {
	ends, when, ok := strings.Cut(text, "@")
	from, length, ok2 := strings.Cut(when, "+")
	a, b, ok3 := strings.Cut(ends, ":")
	if !ok || !ok2 || !ok3 {
		return c, fmt.Errorf("%.80q is no cut of a link: write SITE:SITE@FROM+FOR, for example plant:dc@1h+10m", text)
	}
	c.Sites = [2]string{a, b}
	if c.From, err = api.ParseDuration(from); err == nil {
		c.For, err = api.ParseDuration(length)
	}
	if err == nil && (c.From < 0 || c.For < 0 || max(c.From, c.For) > api.MaxDuration) {
		err = fmt.Errorf("it begins and lasts for times from 0s to %s", api.MaxDuration)
	}
	if err != nil {
		return c, fmt.Errorf("cut %.80q: %w", text, err)
	}
	return c, nil
}
