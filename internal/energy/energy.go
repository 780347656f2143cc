// Package energy is plain numeric code about power: how much a machine draws at a
// use, and models of a whole fleet's power that are fitted to its meter.
//
// Power is in W, energy in J, use of a machine from 0 (idle) to 1 (full).
package energy

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Shape is how power grows between idle and full.
type Shape string

// Shapes of published power models. With x for the use and d for full − idle, the
// power is idle + d·f(x). Linear is Fan, Weber and Barroso, 2007, "Power
// Provisioning for a Warehouse-sized Computer", and so is MSE, f = 2x − x^r with
// the r of the least squared error; the others are those that simulators offer
// beside them.
const (
	Constant   Shape = "constant"   // f = 1
	Linear     Shape = "linear"     // f = x
	Sqrt       Shape = "sqrt"       // f = √x
	Square     Shape = "square"     // f = x²
	Cubic      Shape = "cubic"      // f = x³
	MSE        Shape = "mse"        // f = 2x − x^r
	Asymptotic Shape = "asymptotic" // f = (1 + x − e^(−x/r)) / 2
)

// Shapes lists them all.
func Shapes() []Shape { return []Shape{Constant, Linear, Sqrt, Square, Cubic, MSE, Asymptotic} }

// Curve is the power of one machine by its use.
type Curve struct {
	Shape      Shape
	Idle, Full float64 // in W
	// Factor is the r of MSE and Asymptotic; other shapes do not use it.
	Factor float64
}

// Check says what is wrong with a curve.
func (c Curve) Check() error {
	switch {
	case !slices.Contains(Shapes(), c.Shape):
		return fmt.Errorf("%.40q is no shape of a power model: it is one of %s", string(c.Shape), names())
	case !(c.Idle >= 0 && c.Full >= c.Idle && c.Full < 1e9):
		return fmt.Errorf("a machine cannot draw %g W idle and %g W at full use", c.Idle, c.Full)
	case c.Factor < 0 || c.Factor > 100 || math.IsNaN(c.Factor) || c.Factor == 0 && (c.Shape == MSE || c.Shape == Asymptotic):
		return fmt.Errorf("the calibration factor of a power model of shape %s cannot be %g", c.Shape, c.Factor)
	}
	return nil
}

func names() string {
	var out []string
	for _, s := range Shapes() {
		out = append(out, string(s))
	}
	return strings.Join(out, ", ")
}

// At is the power in W at a use from 0 to 1; what lies outside is taken as the
// nearer end.
func (c Curve) At(use float64) float64 {
	return c.Idle + (c.Full-c.Idle)*c.share(min(max(use, 0), 1))
}

func (c Curve) share(x float64) float64 {
	switch c.Shape {
	case Constant:
		return 1
	case Sqrt:
		return math.Sqrt(x)
	case Square:
		return x * x
	case Cubic:
		return x * x * x
	case MSE:
		return 2*x - math.Pow(x, c.Factor)
	case Asymptotic:
		return (1 + x - math.Exp(-x/c.Factor)) / 2
	}
	return x
}
