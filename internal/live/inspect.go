package live

import (
	"context"

	"drover.dev/api"
	"drover.dev/internal/artifact"
	"drover.dev/internal/engine"
)

// Inspect implements httpapi.Cell.
func (c *Cell) Inspect(ctx context.Context, d api.Digest) (engine.Fact, error) {
	info, err := c.artifacts.Stat(ctx, artifact.Digest(d))
	if err != nil {
		return engine.Fact{}, err
	}
	return engine.Fact{Program: api.Bytes(info.Size)}, nil
}
