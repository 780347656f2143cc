package rehearse

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"drover.dev/api"
	"drover.dev/internal/twin"
)

// Fleet is nodes and the sites that they stand at.
type Fleet struct {
	Home  string // site of the cell's store and of its callers; "" is nowhere in particular
	Sites []api.Site
	Nodes []api.Node
}

// document is a described fleet as it is written.
type document struct {
	Home   string     `json:"home,omitempty"`
	Sites  []api.Site `json:"sites,omitempty"`
	Groups []group    `json:"groups"`
}

// group is nodes that are alike. With a count, a number follows the name.
type group struct {
	Count int      `json:"count,omitempty"` // 0 is one
	Node  api.Node `json:"node"`
}

// Bounds on a described fleet.
const (
	maxFleetFile = 64 << 20
	maxNodes     = 1_000_000
)

// LoadFleet reads a fleet: a file in YAML or JSON, the CSV of nodes of the openb
// trace, or the short form of [twin.ParseFleet].
func LoadFleet(text string) (Fleet, error) {
	f, err := os.Open(text)
	if errors.Is(err, os.ErrNotExist) && !strings.ContainsAny(text, "/.") {
		nodes, err := twin.ParseFleet(text)
		return Fleet{Nodes: nodes}, err
	}
	if err != nil {
		return Fleet{}, fmt.Errorf("read fleet: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFleetFile+1))
	switch {
	case err != nil:
		return Fleet{}, fmt.Errorf("read fleet: %w", err)
	case len(b) > maxFleetFile:
		return Fleet{}, fmt.Errorf("read fleet %s: it has more than %d bytes", text, maxFleetFile)
	case bytes.HasPrefix(b, []byte("sn,cpu_milli,")):
		b, err := openbNodes(b)
		return b, wrapFleet(text, err)
	}
	out, err := parseFleet(b)
	return out, wrapFleet(text, err)
}

func wrapFleet(name string, err error) error {
	if err != nil {
		return fmt.Errorf("read fleet %s: %w", name, err)
	}
	return nil
}

// ReadFleet reads a described fleet, in YAML or JSON.
func ReadFleet(b []byte) (Fleet, error) { return parseFleet(b) }

func parseFleet(b []byte) (Fleet, error) {
	b, err := yaml.YAMLToJSON(b)
	if err != nil {
		return Fleet{}, err
	}
	var d document
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return Fleet{}, err
	}
	f := Fleet{Home: d.Home, Sites: d.Sites}
	if d.Home != "" && !api.ValidName(d.Home) {
		return Fleet{}, fmt.Errorf("home: %.40q is no name of a site", d.Home)
	}
	for i := range f.Sites {
		if faults := f.Sites[i].Validate(); len(faults) > 0 {
			return Fleet{}, fmt.Errorf("sites[%d].%s: %s", i, faults[0].Path, faults[0].Message)
		}
	}
	for i, g := range d.Groups {
		nodes, err := g.nodes(maxNodes - len(f.Nodes))
		if err != nil {
			return Fleet{}, fmt.Errorf("groups[%d]: %w", i, err)
		}
		f.Nodes = append(f.Nodes, nodes...)
	}
	return f, nil
}

func (g *group) nodes(most int) ([]api.Node, error) {
	if g.Count < 0 || g.Count > most {
		return nil, fmt.Errorf("count is %d: at most %d nodes are possible", g.Count, maxNodes)
	}
	out := make([]api.Node, max(g.Count, 1))
	for i := range out {
		n := g.Node
		if g.Count > 0 {
			n.Name += "-" + strconv.Itoa(i)
		}
		if n.Layer == "" {
			n.Layer = api.LayerCloud
		}
		if len(n.Drivers) == 0 {
			n.Drivers = []string{api.DriverNoop}
		}
		n.Normalize()
		if i == 0 {
			if faults := n.Validate(); len(faults) > 0 {
				return nil, fmt.Errorf("node.%s: %s", faults[0].Path, faults[0].Message)
			}
		}
		out[i] = n
	}
	return out, nil
}

// openbNodes reads the list of nodes of Alibaba's GPU cluster trace.
func openbNodes(b []byte) (Fleet, error) {
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		return Fleet{}, err
	}
	var f Fleet
	for i, row := range rows[1:] {
		var v [3]int64
		if len(row) < 5 {
			return Fleet{}, fmt.Errorf("line %d: it has %d fields", i+2, len(row))
		}
		for k := range v {
			if v[k], err = strconv.ParseInt(row[k+1], 10, 40); err != nil || v[k] < 0 {
				return Fleet{}, fmt.Errorf("line %d: %.40q is not a number", i+2, row[k+1])
			}
		}
		n := api.Node{
			Name: row[0], Layer: api.LayerCloud, Drivers: []string{api.DriverNoop}, Speed: 1000,
			Capacity: api.Resources{CPU: api.Milli(v[0]), Memory: api.Bytes(v[1]) * api.MiB},
		}
		if v[2] > 0 {
			n.Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Count: api.Milli(v[2]) * 1000, Models: []string{strings.ToLower(row[4])}}}
		}
		f.Nodes = append(f.Nodes, n)
	}
	return f, nil
}
