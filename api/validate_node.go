package api

// Validate returns every fault of the node as its agent registers it; nil when
// there is none.
func (n *Node) Validate() []FieldError {
	var steps [4]step
	c := checker{at: steps[:0]}
	c.name("name", n.Name)
	c.name("site", n.Site)
	c.layer(n.Layer)
	c.labels("labels", n.Labels)
	distinct(&c, "taints", n.Taints, func(i int) {
		t := &n.Taints[i]
		c.enterAt("taints", i)
		c.taint(t.Key, t.Value, t.Effect)
		present(&c, "effect", t.Effect, string(NoSchedule))
		c.leave()
	})
	c.enter("capacity")
	c.resources(&n.Capacity, false)
	c.leave()
	distinct(&c, "drivers", n.Drivers, func(i int) {
		if !ValidName(n.Drivers[i]) {
			c.faultAt("drivers", i, "%s", badName(n.Drivers[i]))
		}
	})
	within(&c, "speed", n.Speed, 0, 1_000_000)
	c.power(n.Power)
	c.sleep(n.Sleep)
	c.price("price", n.Price)
	c.embodied(n.Embodied)
	c.text("version", n.Version, 128)
	c.text("boot", n.Boot, 128)
	return c.done()
}

func (c *checker) power(p *PowerModel) {
	if p == nil {
		return
	}
	const most = 1_000_000_000 // 1 MW
	c.enter("power")
	defer c.leave()
	within(c, "idleMilliwatts", p.Idle, 0, most)
	within(c, "fullMilliwatts", p.Full, 0, most)
	if p.Full < p.Idle {
		c.fault("fullMilliwatts", "%d is below idleMilliwatts, %d", p.Full, p.Idle)
	}
	c.devicePower(p.Devices)
}

// price checks an amount that is optional.
func (c *checker) price(field string, m *Money) {
	if m == nil {
		return
	}
	if !validCurrency(m.Currency) {
		c.fault(field, "%s is not a currency; write an ISO 4217 code such as EUR", quote(m.Currency))
	}
	if m.Micro < 0 {
		c.fault(field, "%v is negative", *m)
	}
}

// Validate returns every fault of the site; nil when there is none.
func (s *Site) Validate() []FieldError {
	var steps [4]step
	c := checker{at: steps[:0]}
	c.name("name", s.Name)
	c.layer(s.Layer)
	c.text("zone", s.Zone, 64)
	if s.Tariff != "" {
		c.name("tariff", s.Tariff)
	}
	if s.PUE != 0 {
		within(&c, "pue", s.PUE, 1000, 10_000)
	}
	c.cooling(s.Cooling)
	c.market(s.Market)
	c.battery(s.Battery)
	c.rest(s.Rest)
	c.atMost("links", len(s.Links), MaxItems)
	for i := range s.Links[:min(len(s.Links), MaxItems)] {
		c.enterAt("links", i)
		c.link(s, i)
		c.leave()
	}
	return c.done()
}

func (c *checker) link(s *Site, i int) {
	l := &s.Links[i]
	c.name("to", l.To)
	if l.To == s.Name && l.To != "" {
		c.fault("to", "a site has no link to itself")
	}
	for j := range i {
		if s.Links[j].To == l.To && l.To != "" {
			c.fault("to", "there is a link to %s already, links[%d]", l.To, j)
			break
		}
	}
	within(c, "rtt", l.RTT, 0, Hour)
	if l.Bandwidth == 0 {
		c.fault("bandwidth", "is missing; write for example 100Mbit")
	}
	within(c, "bandwidth", l.Bandwidth, 0, MaxBandwidth)
	c.price("pricePerGB", l.PricePerGB)
}
