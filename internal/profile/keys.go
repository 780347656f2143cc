package profile

import (
	"strconv"

	"drover.dev/api"
)

// maxProgram bounds what a key takes of a command's name.
const maxProgram = 128

// SameKey names the history of one task of a workload: tenant, workload and
// task. Runs of a scheduled job share it when asked with the schedule's name.
func SameKey(w *api.Workload, task int) string {
	if task < 0 || task >= len(w.Tasks) {
		return ""
	}
	return w.Tenant + "/" + w.Name + "/" + w.Tasks[task].Name
}

// ShapeKey names the history that tasks of new workloads start from: those of
// the same tenant, driver, program (artifact digest or command) and CPU request
// within a factor of two. It is "" when the task names no program.
func ShapeKey(w *api.Workload, task int) string {
	if task < 0 || task >= len(w.Tasks) {
		return ""
	}
	t := &w.Tasks[task]
	program := ""
	switch {
	case t.Artifact != nil && t.Artifact.Digest != "":
		program = string(t.Artifact.Digest)
	case len(t.Command) > 0:
		program = t.Command[0]
	default:
		return ""
	}
	program = program[:min(len(program), maxProgram)]
	return w.Tenant + "/" + t.Driver + "/" + strconv.Itoa(size(t.Resources.CPU)) + "/" + program
}

// size is the power of two that a CPU request rounds up to, as an exponent of
// milli-CPU.
func size(cpu api.Milli) int {
	n := 0
	for cpu > 1 && n < 62 {
		cpu = (cpu + 1) / 2
		n++
	}
	return n
}
