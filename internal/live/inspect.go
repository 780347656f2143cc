package live

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/artifact"
	"drover.dev/internal/driver/wasm"
	"drover.dev/internal/engine"
)

// Inspect implements httpapi.Cell. It reads what a WASM module says of itself:
// wasm.ErrNotModule and *wasm.ImportError say what is wrong with it.
func (c *Cell) Inspect(ctx context.Context, d api.Digest) (engine.Fact, error) {
	path, err := c.artifacts.Path(ctx, artifact.Digest(d))
	if err != nil {
		return engine.Fact{}, err
	}
	m, err := wasm.Inspect(path)
	if err != nil {
		return engine.Fact{}, fmt.Errorf("artifact %s: %w", d, err)
	}
	f := engine.Fact{Program: api.Bytes(m.Size), Memory: api.Bytes(m.MinPages) * wasm.PageSize}
	for _, name := range m.Imports {
		if from, _, _ := strings.Cut(name, "."); !slices.Contains(f.Imports, from) {
			f.Imports = append(f.Imports, from)
		}
	}
	return f, nil
}
