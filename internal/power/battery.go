package power

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"drover.dev/api"
)

// Charger is how the battery of a site is told what to do.
type Charger struct {
	OnSet Command `json:"onSet"`
}

// Chargers are those that a server knows, by site.
type Chargers struct {
	Sites map[string]Charger `json:"sites"`
}

// ReadChargers reads the file of a server.
func ReadChargers(path string) (*Chargers, error) {
	var c Chargers
	err := read(path, &c)
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return nil, fmt.Errorf("how batteries are told what to do, %s: %w", path, err)
	}
	return &c, nil
}

func (c *Chargers) check() error {
	if len(c.Sites) > maxWakers {
		return fmt.Errorf("sites: it names %d, at most %d may be", len(c.Sites), maxWakers)
	}
	var errs []error
	for site, one := range c.Sites {
		if err := one.OnSet.check("onSet"); err != nil {
			errs = append(errs, fmt.Errorf("sites.%s.%w", site, err))
		}
	}
	return errors.Join(errs...)
}

// Charge is what a battery says of itself, in a line of JSON: one of the two.
type Charge struct {
	KWh     *float64 `json:"kWh"`     // in its cells
	Percent *float64 `json:"percent"` // of its capacity
}

// Level is how much that is of a battery; an error says what cannot be.
func (c *Charge) Level(b *api.Battery) (api.Microjoules, error) {
	var µJ float64
	switch {
	case (c.KWh == nil) == (c.Percent == nil):
		return 0, errors.New(`its charge is one of "kWh" and "percent"`)
	case c.KWh != nil:
		µJ = *c.KWh * 3.6e12
	default:
		µJ = *c.Percent / 100 * float64(b.Capacity)
	}
	if !(µJ >= 0 && µJ <= 1.05*float64(b.Capacity)) { // meters round
		return 0, fmt.Errorf("it cannot hold %v of %v", api.Energy(min(max(µJ, -1e18), 1e18)), b.Capacity)
	}
	return min(api.Microjoules(µJ), api.Microjoules(b.Capacity)), nil
}

// Set runs the command for a site. The set-point in W is its last argument and in
// DROVER_WATTS, positive to charge and negative to discharge; DROVER_SITE is the site. It
// inherits nothing else of the environment. It succeeds when the battery does so. What it
// prints may end with a line that tells its charge; nil: it does not.
func (c Charger) Set(ctx context.Context, site string, setpoint api.Power) (*Charge, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	watts := wattsText(setpoint)
	args := append(append([]string(nil), c.OnSet[1:]...), watts)
	cmd := exec.CommandContext(ctx, c.OnSet[0], args...)
	cmd.Env = []string{envPath, "DROVER_SITE=" + site, "DROVER_WATTS=" + watts}
	cmd.WaitDelay = lingers
	var out tail
	var said head
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w (it may take %v)", ctx.Err(), patience)
		}
		return nil, fmt.Errorf("run %s: %w: %s", c.OnSet[0], err, bytes.TrimSpace(said.kept))
	}
	return chargeIn(out.kept)
}

// wattsText is a power in W, whole where it is.
func wattsText(p api.Power) string {
	sign, mW := "", int64(p)
	if mW < 0 {
		sign, mW = "-", -mW
	}
	if mW%1000 == 0 {
		return fmt.Sprintf("%s%d", sign, mW/1000)
	}
	return strings.TrimRight(fmt.Sprintf("%s%d.%03d", sign, mW/1000, mW%1000), "0")
}

// chargeIn reads the last line of what a hook printed, where it is JSON.
func chargeIn(out []byte) (*Charge, error) {
	out = bytes.TrimSpace(out)
	line := out[bytes.LastIndexByte(out, '\n')+1:]
	if len(line) == 0 || line[0] != '{' {
		return nil, nil
	}
	var c Charge
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return nil, fmt.Errorf("read its charge from %.80q: %w", line, err)
	}
	return &c, nil
}

// tail keeps the end of what is written.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p[max(len(p)-maxOutput, 0):]...)
	if over := len(t.kept) - maxOutput; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}
