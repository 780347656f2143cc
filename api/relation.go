package api

// Relation ties a task to tasks of its tenant that hold a place: those of one
// workload, those of workloads with certain labels, or, when neither is named,
// the other elements of the task itself.
type Relation struct {
	Workload string            `json:"workload,omitempty" cbor:"1,keyasint,omitempty"` // by name
	Labels   map[string]string `json:"labels,omitempty" cbor:"2,keyasint,omitempty"`   // of the workload; all must be equal
	Within   string            `json:"within,omitempty" cbor:"3,keyasint,omitempty"`   // WithinNode (default), WithinSite, or the key of a node label
	Soft     bool              `json:"soft,omitempty" cbor:"4,keyasint,omitempty"`     // a wish: other nodes are worse, not forbidden
}

// Spread keeps the numbers of such tasks alike over the values of a label: no
// value may have more than Skew above the one that has fewest.
type Spread struct {
	Over     string            `json:"over,omitempty" cbor:"1,keyasint,omitempty"` // WithinNode (default), WithinSite, or the key of a node label
	Skew     int32             `json:"skew,omitempty" cbor:"2,keyasint,omitempty"` // 1 to MaxSkew, default 1
	Workload string            `json:"workload,omitempty" cbor:"3,keyasint,omitempty"`
	Labels   map[string]string `json:"labels,omitempty" cbor:"4,keyasint,omitempty"`
	Soft     bool              `json:"soft,omitempty" cbor:"5,keyasint,omitempty"`
}

// What relations are measured by, beside the labels of nodes.
const (
	WithinNode = "node"
	WithinSite = "site"
)

// Bounds of relations.
const (
	MaxRelations = 8 // entries of near, of apart and of spread, each
	MaxSkew      = 10_000
)

func (r *Requirements) normalizeRelations() {
	for i := range r.Near {
		setDefault(&r.Near[i].Within, WithinNode)
	}
	for i := range r.Apart {
		setDefault(&r.Apart[i].Within, WithinNode)
	}
	for i := range r.Spread {
		setDefault(&r.Spread[i].Over, WithinNode)
		setDefault(&r.Spread[i].Skew, 1)
	}
}

func (c *checker) relations(r *Requirements) {
	for _, l := range [...]struct {
		field string
		list  []Relation
	}{{"near", r.Near}, {"apart", r.Apart}} {
		c.atMost(l.field, len(l.list), MaxRelations)
		for i := range l.list[:min(len(l.list), MaxRelations)] {
			v := &l.list[i]
			c.enterAt(l.field, i)
			c.others(v.Workload, v.Labels)
			c.within("within", v.Within)
			c.leave()
		}
	}
	c.atMost("spread", len(r.Spread), MaxRelations)
	for i := range r.Spread[:min(len(r.Spread), MaxRelations)] {
		v := &r.Spread[i]
		c.enterAt("spread", i)
		c.others(v.Workload, v.Labels)
		c.within("over", v.Over)
		if v.Skew != 0 { // not set is as good as the default
			within(c, "skew", v.Skew, 1, MaxSkew)
		}
		c.leave()
	}
}

// others checks which tasks are meant.
func (c *checker) others(workload string, labels map[string]string) {
	if workload != "" {
		c.name("workload", workload)
		c.misfit(len(labels) > 0, "labels", "name a workload or labels, not both")
	}
	c.labels("labels", labels)
}

// within checks what a distance is measured by.
func (c *checker) within(field, key string) {
	if key != "" && key != WithinNode && key != WithinSite {
		c.label(field, key)
	}
}

func (r *Requirements) relationsSize() (n int) {
	for _, list := range [...][]Relation{r.Near, r.Apart} {
		for i := range list {
			v := &list[i]
			n += 10 + str(v.Workload) + table(v.Labels) + max(str(v.Within), str(WithinNode))
		}
	}
	for i := range r.Spread {
		v := &r.Spread[i]
		n += 16 + str(v.Workload) + table(v.Labels) + max(str(v.Over), str(WithinNode))
	}
	return n
}
