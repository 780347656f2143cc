package engine_test

import (
	"encoding/binary"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// FuzzStep feeds an engine whatever decodes as inputs, in steps of a few, with
// time that goes anywhere. It must neither fail nor panic, and its state must
// stay consistent.
func FuzzStep(f *testing.F) {
	f.Add(pack(f,
		&engine.Register{Node: nodeOf("n1", 4000)},
		submit(jobOf("job", 3)),
		&engine.Reports{Node: "n1", Reports: []api.Report{
			{Attempt: api.Attempt{TaskRef: api.TaskRef{Workload: 1}, Try: 1}, N: 1},
			{Attempt: api.Attempt{TaskRef: api.TaskRef{Workload: 1}, Try: 1}, N: 2, Kind: api.ReportEnded, Result: &api.Result{Outcome: api.OutcomeFailed}},
		}},
		&engine.Drain{Node: "n1"}, &engine.Silent{Node: "n1"}, &engine.Back{Node: "n1"},
	))
	f.Add(pack(f,
		&engine.Register{Node: nodeOf("n1", 4000, func(n *api.Node) {
			n.Capacity.Accelerators = []api.Accelerator{{Kind: "gpu", Models: []string{"a"}, Count: 2000}}
		})},
		submit(jobOf("web", 1, func(w *api.Workload) { w.Kind, w.Replicas = api.KindService, 3 })),
		submit(jobOf("web", 1, func(w *api.Workload) {
			w.Kind, w.Replicas = api.KindService, 2
			w.Tasks[0].Resources.Accelerators = []api.Accelerator{{Kind: "gpu", Count: 500}}
		})),
		&engine.Rollback{Tenant: "default", Name: "web"},
		&engine.Cancel{Tenant: "default", Name: "web"}, &engine.RemoveNode{Node: "n1"},
		&engine.Suspend{Tenant: "default", Name: "web", For: api.Hour, Elements: []api.Elements{{Task: "t", From: 1, Count: 1 << 31}}},
	))
	f.Add(pack(f,
		&engine.PutSite{Site: api.Site{Name: "s1", Layer: api.LayerEdge, Links: []api.Link{{To: "s2", RTT: 1, Bandwidth: 1}}}},
		&engine.PutSettings{RetainFor: 1, RetainMax: 1, Lease: 1, Home: "s2"},
		submit(jobOf("cron", 1, func(w *api.Workload) { w.Schedule = &api.Schedule{Cron: "@hourly"} })),
		submit(jobOf("sys", 1, func(w *api.Workload) { w.Kind = api.KindSystem })),
		submit(jobOf("gang", 3, func(w *api.Workload) {
			w.Gang = true
			w.Tasks = append(w.Tasks, api.Task{Name: "last", Driver: api.DriverNoop, Inputs: []api.Input{{Path: "in", Task: "main", Output: "out"}}})
		})),
		&engine.Lead{Epoch: 2, Server: "b"},
	))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, now := engine.New(state.New()), start
		for steps := 0; steps < 64 && len(data) > 10; steps++ {
			now += api.Time(binary.BigEndian.Uint64(data))
			var in []engine.Input
			in, data = unpack(data[8:])
			out, err := e.Step(now, in)
			if err != nil {
				t.Fatal(err)
			}
			if err := engine.Check(e, out); err != nil {
				t.Fatal(err)
			}
			if err := engine.CheckState(e.State()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// pack writes one input a step: the time that passes, one as a count, its length
// and its bytes.
func pack(f *testing.F, in ...engine.Input) (out []byte) {
	for _, raw := range encodeAll(f, in) {
		out = binary.BigEndian.AppendUint64(out, uint64(api.Second))
		out = append(out, 1, byte(len(raw)>>8), byte(len(raw)))
		out = append(out, raw...)
	}
	return out
}

func unpack(data []byte) (in []engine.Input, rest []byte) {
	if len(data) == 0 {
		return nil, nil
	}
	count := int(data[0] & 7)
	for data = data[1:]; count > 0 && len(data) > 2; count-- {
		n := min(int(data[0])<<8|int(data[1]), len(data)-2)
		if v, err := journal.DecodeInput(data[2 : 2+n]); err == nil {
			in = append(in, v)
		}
		data = data[2+n:]
	}
	return in, data
}
