package bench

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"drover.dev/api"
)

// maxRows bounds the files of a trace.
const maxRows = 2_000_000

// readTable reads a CSV file with a header and calls row with a getter of fields
// by name. An error says the file and the line.
func readTable(path string, columns []string, row func(get func(string) string) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.ReuseRecord = true
	head, err := r.Read()
	if err != nil {
		return fmt.Errorf("%s: read the header: %w", path, err)
	}
	at := map[string]int{}
	for i, name := range head {
		at[strings.TrimPrefix(name, "\ufeff")] = i
	}
	for _, name := range columns {
		if _, ok := at[name]; !ok {
			return fmt.Errorf("%s:1: there is no column %s", path, name)
		}
	}
	for n := 0; ; n++ {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if n == maxRows {
			return fmt.Errorf("%s: has more than %d rows", path, maxRows)
		}
		if err := row(func(name string) string { return rec[at[name]] }); err != nil {
			line, _ := r.FieldPos(0)
			return fmt.Errorf("%s:%d: %w", path, line, err)
		}
	}
}

// number reads a whole number of a field within 0 to most.
func number(get func(string) string, field string, most int64) (int64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(get(field)), 64)
	if err != nil || v != float64(int64(v)) || v < 0 || int64(v) > most {
		return 0, fmt.Errorf("%s is %q: it is a whole number from 0 to %d", field, get(field), most)
	}
	return int64(v), nil
}

// numbers reads several.
func numbers(get func(string) string, most int64, fields ...string) ([]int64, error) {
	out := make([]int64, len(fields))
	for i, f := range fields {
		v, err := number(get, f, most)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// readNodes reads the nodes of an openb trace: sn, cpu_milli, memory_mib, gpu,
// model.
func readNodes(path string) (nodes []api.Node, err error) {
	seen := map[string]bool{}
	err = readTable(path, []string{"sn", "cpu_milli", "memory_mib", "gpu", "model"}, func(get func(string) string) error {
		v, err := numbers(get, 1<<40, "cpu_milli", "memory_mib", "gpu")
		if err != nil {
			return err
		}
		n := api.Node{
			Name: strings.ToLower(get("sn")), Site: "openb", Layer: api.LayerCloud, Drivers: []string{api.DriverNoop}, Speed: 1000,
			Capacity: api.Resources{CPU: api.Milli(v[0]), Memory: api.Bytes(v[1]) * api.MiB},
		}
		if v[2] > 0 {
			n.Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{get("model")}, Count: api.Milli(v[2] * 1000)}}
		}
		if faults := n.Validate(); len(faults) > 0 && get("model") != "" {
			return fmt.Errorf("%s: %s", faults[0].Path, faults[0].Message)
		}
		if seen[n.Name] {
			return fmt.Errorf("sn %s is there twice", n.Name)
		}
		seen[n.Name] = true
		nodes = append(nodes, n)
		return nil
	})
	if err == nil && len(nodes) == 0 {
		err = fmt.Errorf("%s: there is no node in it", path)
	}
	return nodes, err
}

// readPods reads what the pods of an openb trace ask for: cpu_milli, memory_mib,
// num_gpu, gpu_milli, gpu_spec.
func readPods(path string) (tasks []api.Task, err error) {
	err = readTable(path, []string{"cpu_milli", "memory_mib", "num_gpu", "gpu_milli", "gpu_spec"}, func(get func(string) string) error {
		v, err := numbers(get, 1<<40, "cpu_milli", "memory_mib", "num_gpu", "gpu_milli")
		if err != nil {
			return err
		}
		t := api.Task{Name: "pod", Driver: api.DriverNoop, Resources: api.Resources{CPU: api.Milli(v[0]), Memory: api.Bytes(v[1]) * api.MiB}}
		if v[2] > 0 {
			a := api.Accelerator{Kind: "gpu", Count: api.Milli(v[2] * 1000)}
			if v[2] == 1 {
				a.Count = api.Milli(v[3])
			}
			if spec := get("gpu_spec"); spec != "" {
				a.Models = strings.Split(spec, "|")
			}
			if a.Count < 1 || v[2] == 1 && a.Count > 1000 || v[2] > 1000 {
				return fmt.Errorf("gpu_milli is %d of %d: it is 1 to 1000", v[3], v[2])
			}
			t.Resources.Accelerators = []api.Accelerator{a}
		}
		tasks = append(tasks, t)
		return nil
	})
	if err == nil && len(tasks) == 0 {
		err = fmt.Errorf("%s: there is no pod in it", path)
	}
	return tasks, err
}
