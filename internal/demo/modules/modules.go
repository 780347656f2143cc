// Package modules holds the demo's WebAssembly programs (WASI preview 1). Their sources, contracts and build script are
// beside this file.
package modules

import (
	"embed"
	"fmt"
	"io/fs"
)

// The names that Get knows.
const (
	Clean  = "clean"  // samples of a machine to windows of statistics
	Report = "report" // those statistics to one HTML page
	Tile   = "tile"   // one tile of a large image
	Join   = "join"   // all tiles to one PNG
)

//go:embed clean.wasm report.wasm tile.wasm join.wasm
var files embed.FS

// Names lists the modules in the order of their use.
func Names() []string { return []string{Clean, Report, Tile, Join} }

// Get returns a fresh copy of the module's bytes, or an error that wraps fs.ErrNotExist for a name not in Names.
func Get(name string) ([]byte, error) {
	data, err := files.ReadFile(name + ".wasm")
	if err != nil {
		return nil, fmt.Errorf("demo module %q (known: %v): %w", name, Names(), fs.ErrNotExist)
	}
	return data, nil
}
