// Package house checks the rules of the house: which package may import which,
// and that the pure packages use no clock, goroutine, random global, I/O or map
// order. ARCHITECTURE.md shows the same table.
package house

import (
	"fmt"
	"go/ast"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/go/packages"
)

const module = "drover.dev/"

// room is one package, or a folder of packages, of the house.
type room struct {
	path string   // below the module; "x/..." covers everything below x, too
	may  []string // own packages that it may import; "*" is any but cmd
	pure bool
}

// rooms is the import table. The first row that matches a package counts.
var rooms = []room{
	{path: "api/cron", pure: true},
	{path: "api/manifest", may: []string{"api", "api/cron"}},
	{path: "api/client", may: []string{"api"}},
	{path: "api", may: []string{"api/cron"}, pure: true},
	{path: "internal/profile", may: []string{"api"}, pure: true},
	{path: "internal/state", may: []string{"api", "internal/profile"}, pure: true},
	{path: "internal/energy/account", may: []string{"api", "internal/energy/shift"}, pure: true},
	{path: "internal/energy", may: []string{"api"}, pure: true},
	{path: "internal/energy/...", pure: true},
	{path: "internal/forecast", may: []string{"api"}, pure: true},
	{path: "internal/sched/assign", pure: true},
	{path: "internal/sched", may: []string{"api", "internal/energy", "internal/energy/storage", "internal/sched/assign"}, pure: true},
	{path: "internal/engine", may: []string{"api", "api/cron", "internal/state", "internal/sched", "internal/profile"}, pure: true},
	{path: "internal/control", may: []string{"api", "internal/engine", "internal/state"}, pure: true},
	{path: "internal/agent/core", may: []string{"api"}, pure: true},
	{path: "internal/twin", may: []string{"api", "internal/energy", "internal/engine", "internal/state"}, pure: true},
	{path: "internal/chaos", may: []string{"api", "internal/control", "internal/engine", "internal/state", "internal/agent/core"}, pure: true},
	{path: "internal/trace", may: []string{"api", "internal/signal"}},
	{path: "internal/signal", may: []string{"api", "api/cron", "internal/forecast"}},
	{path: "internal/calibrate", pure: true},
	{path: "internal/modes", may: []string{
		"api", "internal/calibrate", "internal/forecast", "internal/twin", "internal/trace", "internal/rehearse", "internal/journal", "internal/state",
	}},
	{path: "internal/rehearse", may: []string{"api", "api/cron", "internal/energy", "internal/energy/storage", "internal/energy/shift", "internal/energy/consolidate", "internal/energy/hall", "internal/energy/account", "internal/forecast", "internal/foresight", "internal/strain", "internal/twin", "internal/trace", "internal/journal", "internal/engine", "internal/state", "internal/report", "internal/grade", "internal/calibrate"}},
	{path: "internal/grade", may: []string{"api"}, pure: true},
	{path: "internal/mirror", may: []string{
		"api", "api/client", "internal/engine", "internal/state", "internal/profile", "internal/journal", "internal/history", "internal/rehearse", "internal/twin",
		"internal/grade", "internal/lockfile",
	}},
	{path: "internal/failpoint"},
	{path: "internal/lockfile"},
	{path: "internal/smalldisk"},
	{path: "internal/bus", may: []string{"api"}},
	{path: "internal/journal/...", may: []string{"api", "internal/engine", "internal/state", "internal/bus", "internal/journal"}},
	{path: "internal/artifact", may: []string{"api"}},
	{path: "internal/series", may: []string{"api"}},
	{path: "internal/provision", may: []string{"api"}, pure: true},
	{path: "internal/foresight", may: []string{"api", "internal/engine", "internal/state", "internal/provision"}, pure: true},
	{path: "internal/strain", may: []string{"api", "internal/engine", "internal/state"}, pure: true},
	{path: "internal/outlook", may: []string{"api", "internal/artifact", "internal/series", "internal/forecast", "internal/provision"}},
	{path: "internal/history", may: []string{
		"api", "internal/engine", "internal/state", "internal/journal", "internal/bus", "internal/artifact",
	}},
	{path: "internal/report", may: []string{"api"}},
	{path: "internal/respond", may: []string{"api", "api/client", "internal/energy/response", "internal/sched"}},
	{path: "internal/driver/...", may: []string{"api", "internal/driver", "internal/driver/tree", "internal/driver/worker", "internal/driver/drivertest"}},
	{path: "internal/agent", may: []string{
		"api", "internal/agent/core", "internal/driver", "internal/driver/process", "internal/driver/wasm", "internal/driver/noop",
		"internal/artifact", "internal/bus", "internal/failpoint", "internal/lockfile", "internal/meter", "internal/energy", "internal/power",
	}},
	{path: "internal/meter", may: []string{"api"}},
	{path: "internal/power", may: []string{"api"}},
	{path: "internal/live/httpapi/httpapitest", may: []string{"*"}},
	{path: "internal/live/httpapi", may: []string{"api", "api/manifest", "internal/engine", "internal/sched", "internal/state", "internal/artifact", "internal/live/httpapi"}},
	{path: "internal/live", may: []string{
		"api", "internal/control", "internal/engine", "internal/state", "internal/journal", "internal/history", "internal/bus", "internal/artifact",
		"internal/signal", "internal/power", "internal/live/httpapi", "internal/driver/wasm", "internal/failpoint", "internal/lockfile", "internal/series", "internal/outlook", "internal/foresight", "internal/strain", "internal/provision",
	}},
	{path: "internal/local", may: []string{"*"}},
	{path: "internal/demo/...", may: []string{"*"}},
	{path: "internal/bench", may: []string{"*"}},
	{path: "internal/house"},
	{path: "cmd/...", may: []string{"*"}},
	{path: "examples/...", may: []string{"api", "api/client"}},
}

// load reads the whole module once for all tests.
var load = sync.OnceValues(func() ([]*packages.Package, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	list, err := packages.Load(&packages.Config{
		Dir: root,
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedSyntax | packages.NeedTypes |
			packages.NeedTypesInfo | packages.NeedDeps,
	}, "./...")
	if n := packages.PrintErrors(list); err == nil && n > 0 {
		err = fmt.Errorf("%d errors while loading the packages", n)
	}
	return list, err
})

func house(t *testing.T) []*packages.Package {
	t.Helper()
	list, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func roomOf(path string) *room {
	path = strings.TrimPrefix(path, module)
	for i := range rooms {
		base, below := strings.CutSuffix(rooms[i].path, "/...")
		if path == base || below && strings.HasPrefix(path, base+"/") {
			return &rooms[i]
		}
	}
	return nil
}

func TestImports(t *testing.T) {
	for _, p := range house(t) {
		r := roomOf(p.PkgPath)
		if r == nil {
			t.Errorf("%s stands in no row of the import table", p.PkgPath)
			continue
		}
		for path := range p.Imports {
			own, ok := strings.CutPrefix(path, module)
			if !ok {
				if r.pure && impureImports[path] {
					t.Errorf("%s is pure and imports %s", p.PkgPath, path)
				}
				continue
			}
			if strings.HasPrefix(own, "cmd/") || !slices.Contains(r.may, "*") && !slices.Contains(r.may, own) {
				t.Errorf("%s may not import %s", p.PkgPath, own)
			}
			if target := roomOf(path); r.pure && (target == nil || !target.pure) {
				t.Errorf("%s is pure and imports %s, which is not", p.PkgPath, own)
			}
		}
	}
}

// impureImports reach outside the process or depend on when and where it runs.
// Reading a zip from embedded bytes is none of these.
var impureImports = map[string]bool{
	"os": true, "net": true, "net/http": true, "io/ioutil": true, "os/exec": true, "syscall": true, "log": true, "log/slog": true,
	"crypto/rand": true, "hash/maphash": true, "runtime": true, "path/filepath": true, "context": true, "unsafe": true,
}

// impureNames are functions of otherwise harmless packages.
var impureNames = map[string][]string{
	"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "LoadLocation", "Local"},
	"fmt":  {"Print", "Println", "Printf", "Scan", "Scanln", "Scanf"},
	"math/rand": {
		"Int", "Intn", "Int31", "Int31n", "Int63", "Int63n", "Uint32", "Uint64", "Float32", "Float64", "Perm", "Shuffle", "Seed", "NormFloat64", "ExpFloat64",
	},
	"math/rand/v2": {
		"Int", "IntN", "Int32", "Int32N", "Int64", "Int64N", "Uint32", "Uint64", "Float32", "Float64", "Perm", "Shuffle", "N", "NormFloat64", "ExpFloat64",
	},
	"sync": {"WaitGroup", "Cond"},
}

func TestPure(t *testing.T) {
	checked := 0
	for _, p := range house(t) {
		if r := roomOf(p.PkgPath); r == nil || !r.pure {
			continue
		}
		checked++
		for _, f := range p.Syntax {
			excuses := excused(p, f)
			ast.Inspect(f, func(n ast.Node) bool {
				if why := impure(p, n, excuses); why != "" {
					t.Errorf("%s: %s", p.Fset.Position(n.Pos()), why)
				}
				return true
			})
		}
	}
	if checked < 8 {
		t.Errorf("only %d pure packages were found", checked)
	}
}

// excused returns the lines on which a comment says why the order of a map does
// not matter.
func excused(p *packages.Package, f *ast.File) map[int]bool {
	lines := map[int]bool{}
	for _, group := range f.Comments {
		for _, c := range group.List {
			if reason, ok := strings.CutPrefix(c.Text, "// order-free: "); ok && strings.TrimSpace(reason) != "" {
				line := p.Fset.Position(c.Pos()).Line
				lines[line], lines[line+1] = true, true
			}
		}
	}
	return lines
}

func impure(p *packages.Package, n ast.Node, excuses map[int]bool) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "a pure package starts a goroutine"
	case *ast.SelectStmt:
		return "a pure package selects over channels"
	case *ast.RangeStmt:
		if _, ok := p.TypesInfo.TypeOf(n.X).Underlying().(*types.Map); ok && !excuses[p.Fset.Position(n.Pos()).Line] {
			return "range over a map: sort the keys, or say why not with // order-free: reason"
		}
	case *ast.SelectorExpr:
		pkg, ok := n.X.(*ast.Ident)
		if !ok {
			return ""
		}
		if name, ok := p.TypesInfo.Uses[pkg].(*types.PkgName); ok && slices.Contains(impureNames[name.Imported().Path()], n.Sel.Name) {
			return name.Imported().Path() + "." + n.Sel.Name + " in a pure package"
		}
	}
	return ""
}

// TestStateHasNoFloats: floating-point results differ between processors.
func TestStateHasNoFloats(t *testing.T) {
	for _, p := range house(t) {
		if p.PkgPath != module+"internal/state" {
			continue
		}
		for e, tv := range p.TypesInfo.Types {
			if b, ok := tv.Type.Underlying().(*types.Basic); ok && b.Info()&(types.IsFloat|types.IsComplex) != 0 {
				t.Errorf("%s: floating point in state", p.Fset.Position(e.Pos()))
			}
		}
		return
	}
	t.Error("package state was not found")
}
