package engine

import (
	"path"
	"strconv"

	"drover.dev/api"
)

// SupplyPath says where below the input directory a value of an earlier task
// goes. The output of a single task goes to the input's path itself; elements of
// an array that are taken together go to PATH/<index>/<base name>.
func SupplyPath(spec *api.Workload, in *api.Input, from api.TaskRef, v *api.Value) string {
	name := v.File
	if name == "" {
		name = v.Name
	}
	array := spec.Tasks[from.Task].Count > 1 && in.Each != "same"
	switch {
	case array:
		return path.Join(in.Path, strconv.FormatUint(uint64(from.Index), 10), name)
	case in.Path == ".":
		return name
	}
	return in.Path
}
