package api

import "strconv"

// resources checks a task's request, or a node's capacity.
func (c *checker) resources(r *Resources, request bool) {
	within(c, "cpu", r.CPU, 0, MaxCPU)
	within(c, "memory", r.Memory, 0, MaxMemory)
	within(c, "storage", r.Storage, 0, MaxStorage)
	within(c, "bandwidth", r.Bandwidth, 0, MaxBandwidth)
	c.atMost("accelerators", len(r.Accelerators), MaxLabels)
	for i := range r.Accelerators[:min(len(r.Accelerators), MaxLabels)] {
		a := &r.Accelerators[i]
		c.enterAt("accelerators", i)
		c.accelerator(a, request)
		for j := range i {
			if sameDevices(&r.Accelerators[j], a) {
				c.fault("", "names the same devices as accelerators[%d]; add up their counts", j)
				break
			}
		}
		c.leave()
	}
}

func (c *checker) accelerator(a *Accelerator, request bool) {
	if a.Kind == "" {
		c.fault("kind", "is missing; write for example gpu")
	} else {
		c.name("kind", a.Kind)
	}
	distinct(c, "models", a.Models, func(i int) {
		if m := a.Models[i]; m == "" || len(m) > 128 || !printable(m) {
			c.faultAt("models", i, "%s is not a model: 1 to 128 bytes without control characters", quote(m))
		}
	})
	if !request && len(a.Models) != 1 {
		c.fault("models", "has %d entries; a node lists each model on its own", len(a.Models))
	}
	switch {
	case a.Count <= 0:
		c.fault("count", "is %v; write a share such as 0.5, or a whole number", a.Count)
	case a.Count%1000 != 0 && !request:
		c.fault("count", "%v is not whole; a node has whole devices", a.Count)
	case a.Count%1000 != 0 && a.Count > 1000:
		c.fault("count", "%v is neither a share of one device nor a whole number; write %v or %v", a.Count, a.Count/1000*1000, (a.Count/1000+1)*1000)
	default:
		within(c, "count", a.Count, 1, MaxAccelerators)
	}
}

// sameDevices reports whether two entries stand for the same kind and models.
func sameDevices(a, b *Accelerator) bool {
	if a.Kind != b.Kind || len(a.Models) != len(b.Models) {
		return false
	}
	for i := range a.Models {
		if a.Models[i] != b.Models[i] {
			return false
		}
	}
	return true
}

func (c *checker) requires(r *Requirements) {
	distinct(c, "layers", r.Layers, func(i int) {
		if !validLayer(r.Layers[i]) {
			c.faultAt("layers", i, "%s", badLayer(r.Layers[i]))
		}
	})
	distinct(c, "sites", r.Sites, func(i int) {
		if !ValidName(r.Sites[i]) {
			c.faultAt("sites", i, "%s", badName(r.Sites[i]))
		}
	})
	c.labels("labels", r.Labels)
	c.expressions("affinity", r.Affinity)
	c.expressions("antiAffinity", r.AntiAffinity)
	c.relations(r)
	distinct(c, "tolerations", r.Tolerations, func(i int) {
		t := &r.Tolerations[i]
		c.enterAt("tolerations", i)
		c.taint(t.Key, t.Value, t.Effect)
		c.leave()
	})
}

func validLayer(l Layer) bool { return l == LayerCloud || l == LayerEdge || l == LayerDevice }

func badLayer(l Layer) string {
	return quote(string(l)) + " is not a layer" +
		didYouMean(string(l), []string{string(LayerCloud), string(LayerEdge), string(LayerDevice)})
}

// layer requires a layer.
func (c *checker) layer(l Layer) {
	if !validLayer(l) {
		c.fault("layer", "%s", badLayer(l))
	}
}

// taint checks what taints and tolerations have in common.
func (c *checker) taint(key, value string, effect Effect) {
	c.label("key", key)
	c.text("value", value, 128)
	oneOf(c, "effect", effect, NoSchedule, Avoid, NoExecute)
}

func (c *checker) expressions(field string, list []Expression) {
	c.atMost(field, len(list), MaxItems)
	for i := range list[:min(len(list), MaxItems)] {
		c.enterAt(field, i)
		c.expression(&list[i])
		c.leave()
	}
}

func (c *checker) expression(e *Expression) {
	c.label("key", e.Key)
	present(c, "op", e.Op, string(OpIn))
	oneOf(c, "op", e.Op, OpIn, OpNotIn, OpExists, OpAbsent, OpAbove, OpBelow)
	distinct(c, "values", e.Values, func(i int) {
		if v := e.Values[i]; len(v) > 128 || !printable(v) {
			c.faultAt("values", i, "a value has at most 128 bytes and no control characters")
		}
	})
	switch e.Op {
	case OpIn, OpNotIn:
		if len(e.Values) == 0 {
			c.fault("values", "is missing; %s compares with at least one value", e.Op)
		}
	case OpExists, OpAbsent:
		c.misfit(len(e.Values) > 0, "values", string(e.Op)+" compares with no value")
	case OpAbove, OpBelow:
		if len(e.Values) != 1 {
			c.fault("values", "has %d entries; %s compares with exactly one", len(e.Values), e.Op)
		} else if _, err := strconv.ParseInt(e.Values[0], 10, 64); err != nil {
			c.faultAt("values", 0, "%s is not a whole number", quote(e.Values[0]))
		}
	}
}
