// Package manufacturing describes the mixed work of a production line: its nodes and
// links, its workloads, and how often they come.
package manufacturing

import _ "embed" // the files beside it

// The files of this folder.
var (
	//go:embed fleet.yaml
	Fleet []byte // see docs/twin.md, Fleets
	//go:embed workloads.yaml
	Workloads []byte // manifests, as for drover run
	//go:embed demand.yaml
	Demand []byte // how often they come, and how long they run
)
