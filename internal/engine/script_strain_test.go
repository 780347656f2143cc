package engine_test

import (
	"cmp"
	"strings"

	"drover.dev/api"
	"drover.dev/internal/engine"
)

// strained says how much of a node is used: cpu=used:of or memory=used:of, for= so long
// (6m). task=name:cpu:memory is what one on it uses, spare=node:cpu:memory what another has
// to spare; both may come more than once. Without cpu and memory it is strained no more.
// age is that of the measurement; boot, try and since lie.
func (s *script) strained(args []string, opts map[string]string) {
	in := &engine.Strained{At: s.world.now.Add(-parse(s, cmp.Or(opts["age"], "0s"), new(api.Duration))), Boot: opts["boot"]}
	in.Said.Node = args[0]
	since := in.At.Add(-parse(s, cmp.Or(opts["for"], "6m"), new(api.Duration)))
	milli := func(text string) api.Milli { return parse(s, text, new(api.Milli)) }
	bytes := func(text string) api.Bytes { return parse(s, text, new(api.Bytes)) }
	if used, of, ok := strings.Cut(opts["cpu"], ":"); ok {
		in.Said.Used.CPU, in.Said.Of.CPU, in.Said.CPU = milli(used), milli(of), since
	}
	if used, of, ok := strings.Cut(opts["memory"], ":"); ok {
		in.Said.Used.Memory, in.Said.Of.Memory, in.Said.Memory = bytes(used), bytes(of), since
	}
	for _, text := range list(opts["task"]) {
		f := strings.Split(text, ":")
		_, t := s.element(f[0])
		u := api.TaskUse{Attempt: api.Attempt{TaskRef: t.Ref, Try: t.Try}, CPU: milli(f[1]), Memory: bytes(f[2])}
		if v := opts["try"]; v != "" {
			u.Try = uint32(number(s, v))
		}
		in.Tasks = append(in.Tasks, u)
	}
	for _, text := range list(opts["spare"]) {
		f := strings.Split(text, ":")
		one := engine.Spare{Node: f[0]}
		one.Room.CPU, one.Room.Memory = milli(f[1]), bytes(f[2])
		in.Spare = append(in.Spare, one)
	}
	s.step(in)
}

func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}
