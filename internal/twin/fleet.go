package twin

import (
	"fmt"
	"strconv"
	"strings"

	"drover.dev/api"
)

// maxFleet bounds how many nodes a short form may make.
const maxFleet = 1_000_000

// ParseFleet reads the short form of a fleet: groups "N×cpu,memory" (or Nxcpu,…)
// joined by "+", with an optional third value, the number of GPUs a node:
// "1000x64,256Gi" or "4x8,32Gi+2x64,512Gi,8". cpu counts cores. The nodes are on
// the cloud layer and take every driver of a trace.
func ParseFleet(text string) ([]api.Node, error) {
	var out []api.Node
	for group := range strings.SplitSeq(text, "+") {
		count, shape, ok := strings.Cut(strings.Replace(group, "×", "x", 1), "x")
		n, err := strconv.Atoi(strings.TrimSpace(count))
		if !ok || err != nil || n < 1 || n > maxFleet-len(out) {
			return nil, fmt.Errorf("fleet %.60q: write N×cpu,memory, for example 100x16,64Gi, with at most %d nodes", group, maxFleet)
		}
		capacity, err := parseShape(shape)
		if err != nil {
			return nil, fmt.Errorf("fleet %.60q: %w", group, err)
		}
		for range n {
			out = append(out, api.Node{
				Name: "node-" + strconv.Itoa(len(out)), Layer: api.LayerCloud, Drivers: []string{string(api.DriverNoop)},
				Capacity: capacity, Speed: 1000,
			})
		}
	}
	return out, nil
}

func parseShape(text string) (c api.Resources, err error) {
	parts := strings.Split(text, ",")
	if len(parts) < 2 || len(parts) > 3 {
		return c, fmt.Errorf("a node is cpu,memory or cpu,memory,gpus")
	}
	if err := c.CPU.UnmarshalText([]byte(strings.TrimSpace(parts[0]))); err != nil {
		return c, fmt.Errorf("cpu: %w", err)
	}
	if err := c.Memory.UnmarshalText([]byte(strings.TrimSpace(parts[1]))); err != nil {
		return c, fmt.Errorf("memory: %w", err)
	}
	if len(parts) == 3 {
		n, err := strconv.Atoi(strings.TrimSpace(parts[2]))
		if err != nil || n < 0 || n > 64 {
			return c, fmt.Errorf("gpus: %.40q is not a number from 0 to 64", parts[2])
		}
		if n > 0 {
			c.Accelerators = []api.Accelerator{{Kind: "gpu", Count: api.Milli(n) * 1000}}
		}
	}
	return c, nil
}
