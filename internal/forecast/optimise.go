package forecast

import (
	"math"
	"slices"
)

// minimise finds a local minimum of f from x by BFGS with central differences and
// a backtracking line search (Nocedal and Wright, 2006, "Numerical Optimization",
// chapters 3 and 6). f may return +Inf or NaN outside its domain.
func minimise(f func([]float64) float64, x []float64, iterations int) ([]float64, float64) {
	n := len(x)
	x = slices.Clone(x)
	fx := f(x)
	if n == 0 || math.IsNaN(fx) || math.IsInf(fx, 0) {
		return x, fx
	}
	hess := identity(n)
	g := gradient(f, x)
	still := 0
	for range iterations {
		dir := descend(hess, g)
		if dot(dir, g) >= 0 {
			hess, dir = identity(n), scaled(g, -1)
		}
		next, fn := search(f, x, dir, fx, dot(dir, g))
		if next == nil {
			if still++; still > 1 {
				break
			}
			hess = identity(n)
			continue
		}
		gn := gradient(f, next)
		update(hess, sub(next, x), sub(gn, g))
		gain := fx - fn
		x, fx, g = next, fn, gn
		if gain <= 1e-11*(math.Abs(fx)+1e-3) {
			if still++; still > 1 {
				break
			}
		} else {
			still = 0
		}
	}
	return x, fx
}

func identity(n int) [][]float64 {
	m := make([][]float64, n)
	for i := range m {
		m[i] = make([]float64, n)
		m[i][i] = 1
	}
	return m
}

func gradient(f func([]float64) float64, x []float64) []float64 {
	g := make([]float64, len(x))
	y := slices.Clone(x)
	for i := range x {
		h := 1e-5 * max(1, math.Abs(x[i]))
		y[i] = x[i] + h
		up := f(y)
		y[i] = x[i] - h
		down := f(y)
		y[i] = x[i]
		if d := (up - down) / (2 * h); !math.IsNaN(d) && !math.IsInf(d, 0) {
			g[i] = d
		}
	}
	return g
}

// descend returns −H·g, no longer than 5: parameters are scaled to about 1.
func descend(hess [][]float64, g []float64) []float64 {
	d := make([]float64, len(g))
	for i, row := range hess {
		d[i] = -dot(row, g)
	}
	if l := math.Sqrt(dot(d, d)); l > 5 {
		return scaled(d, 5/l)
	}
	return d
}

// search backtracks until Armijo's condition holds; nil when it never does.
func search(f func([]float64) float64, x, dir []float64, fx, slope float64) ([]float64, float64) {
	y := make([]float64, len(x))
	for t := 1.0; t > 1e-9; t *= .4 {
		for i := range x {
			y[i] = x[i] + t*dir[i]
		}
		if v := f(y); v <= fx+1e-4*t*slope && v < fx {
			return y, v
		}
	}
	return nil, fx
}

// update is the BFGS update of the inverse Hessian for a step s and a change y of
// the gradient; it is skipped where the curvature is not positive.
func update(h [][]float64, s, y []float64) {
	sy := dot(s, y)
	if sy <= 1e-12 {
		return
	}
	hy := make([]float64, len(y))
	for i, row := range h {
		hy[i] = dot(row, y)
	}
	c := (sy + dot(y, hy)) / (sy * sy)
	for i := range h {
		for j := range h[i] {
			h[i][j] += c*s[i]*s[j] - (hy[i]*s[j]+s[i]*hy[j])/sy
		}
	}
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

func scaled(a []float64, k float64) []float64 {
	out := make([]float64, len(a))
	for i, v := range a {
		out[i] = k * v
	}
	return out
}

func sub(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}

// simplex is the method of Nelder and Mead (1965, "A simplex method for function
// minimization") from x with first steps of the given size.
func simplex(f func([]float64) float64, x []float64, step, tolerance float64, evaluations int) ([]float64, float64) {
	n := len(x)
	type vertex struct {
		at []float64
		v  float64
	}
	eval := func(at []float64) vertex {
		evaluations--
		v := f(at)
		if math.IsNaN(v) {
			v = math.Inf(1)
		}
		return vertex{at, v}
	}
	s := []vertex{eval(slices.Clone(x))}
	for i := range n {
		y := slices.Clone(x)
		y[i] += step
		s = append(s, eval(y))
	}
	blend := func(c, w []float64, t float64) vertex {
		y := make([]float64, n)
		for i := range y {
			y[i] = c[i] + t*(w[i]-c[i])
		}
		return eval(y)
	}
	for evaluations > 0 && n > 0 {
		slices.SortStableFunc(s, func(a, b vertex) int {
			if a.v < b.v {
				return -1
			} else if a.v > b.v {
				return 1
			}
			return 0
		})
		if s[n].v-s[0].v <= tolerance*(math.Abs(s[0].v)+tolerance) {
			break
		}
		c := make([]float64, n)
		for _, v := range s[:n] {
			for i := range c {
				c[i] += v.at[i] / float64(n)
			}
		}
		worst := s[n]
		r := blend(c, worst.at, -1)
		switch {
		case r.v < s[0].v:
			if e := blend(c, worst.at, -2); e.v < r.v {
				r = e
			}
			s[n] = r
		case r.v < s[n-1].v:
			s[n] = r
		default:
			k := blend(c, worst.at, .5)
			if r.v < worst.v {
				k = blend(c, r.at, .5)
			}
			if k.v < min(r.v, worst.v) {
				s[n] = k
				break
			}
			for i := 1; i <= n; i++ {
				s[i] = blend(s[0].at, s[i].at, .5)
			}
		}
	}
	best := s[0]
	for _, v := range s[1:] {
		if v.v < best.v {
			best = v
		}
	}
	return best.at, best.v
}

// solve solves a·x = b for square a by elimination with pivots; both are
// overwritten. ok is false when a is singular to rounding.
func solve(a [][]float64, b []float64) (x []float64, ok bool) {
	n := len(b)
	for k := range n {
		p := k
		for i := k + 1; i < n; i++ {
			if math.Abs(a[i][k]) > math.Abs(a[p][k]) {
				p = i
			}
		}
		if !(math.Abs(a[p][k]) > 1e-300) {
			return nil, false
		}
		a[k], a[p], b[k], b[p] = a[p], a[k], b[p], b[k]
		for i := k + 1; i < n; i++ {
			c := a[i][k] / a[k][k]
			if c == 0 {
				continue
			}
			for j := k; j < n; j++ {
				a[i][j] -= c * a[k][j]
			}
			b[i] -= c * b[k]
		}
	}
	for k := n - 1; k >= 0; k-- {
		for j := k + 1; j < n; j++ {
			b[k] -= a[k][j] * b[j]
		}
		b[k] /= a[k][k]
	}
	return b, true
}

// cholesky factors a symmetric positive definite matrix in place into its lower
// half; false when it is not positive definite.
func cholesky(a [][]float64) bool {
	for j := range a {
		for k := range j {
			c := a[j][k]
			for i := j; i < len(a); i++ {
				a[i][j] -= a[i][k] * c
			}
		}
		if !(a[j][j] > 0) {
			return false
		}
		d := math.Sqrt(a[j][j])
		for i := j; i < len(a); i++ {
			a[i][j] /= d
		}
	}
	return true
}

// cholSolve solves with the factor of [cholesky], in place.
func cholSolve(l [][]float64, b []float64) {
	for i := range b {
		b[i] = (b[i] - dot(l[i][:i], b[:i])) / l[i][i]
	}
	for i := len(b) - 1; i >= 0; i-- {
		for j := i + 1; j < len(b); j++ {
			b[i] -= l[j][i] * b[j]
		}
		b[i] /= l[i][i]
	}
}
