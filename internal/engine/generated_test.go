package engine_test

import (
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/energy"
	"drover.dev/internal/engine"
	"drover.dev/internal/state"
)

// plants are sites that make power themselves: a and b share what the signal of their zone
// says, c has a signal of its own, and d none.
var plants = []struct{ site, zone string }{{"a", "Z"}, {"b", "Z"}, {"c", "Z"}, {"d", "Y"}}

// sunny is a cell of a node at each of the sites, of 4 cores and 400 W, which knows the
// carbon and the price of its zones.
type sunny struct {
	t     fataler
	w     *world
	began int
	most  map[string]map[api.Time]api.Microjoules // that was ever said to be made, by zone and hour
	given map[string]map[api.Time]api.Microjoules // by zone and hour
	sites map[string]map[api.Time]api.Microjoules // by site and hour
}

func newSunny(t fataler, dark bool) *sunny {
	s := &sunny{
		t: t, w: newWorld(engine.MaxBatch), most: map[string]map[api.Time]api.Microjoules{},
		given: map[string]map[api.Time]api.Microjoules{}, sites: map[string]map[api.Time]api.Microjoules{},
	}
	s.w.now = api.HourOf(start)
	s.w.step(t, &engine.Lead{Epoch: 1, Server: "test"})
	for _, p := range plants {
		if dark && p.site != "d" {
			continue
		}
		n := nodeOf("n-"+p.site, 4000)
		n.Site, n.Power = p.site, &api.PowerModel{Idle: 40_000, Full: 400_000}
		n.Price = &api.Money{Micro: 100_000, Currency: "EUR"}
		s.w.step(t, &engine.PutSite{Site: api.Site{Name: p.site, Layer: api.LayerCloud, Zone: p.zone, PUE: 1200}}, &engine.Register{Node: n})
	}
	for _, zone := range []string{"Z", "Y"} {
		for _, kind := range []api.SignalKind{api.SignalCarbon, api.SignalPrice} {
			v := api.Signal{Kind: kind, Zone: zone, Start: s.w.now, Step: api.Hour, Values: []int64{300_000, 100_000, 700_000}, Known: 3, Usual: 400_000}
			if kind == api.SignalPrice {
				v.Currency = "EUR"
			}
			s.w.step(t, &engine.PutSignal{Signal: v})
		}
	}
	return s
}

// shine brings news of what is made in a zone or at a site.
func (s *sunny) shine(v *api.Signal) {
	v.Kind, v.Origin = api.SignalGeneration, "meter"
	s.w.step(s.t, &engine.PutSignal{Signal: *v})
	s.known(v.Zone)
}

// known notes the most that was ever said to be made, hour by hour.
func (s *sunny) known(zone string) {
	now := s.w.engine.State().Signals[api.SignalKey(api.SignalGeneration, zone)]
	if now == nil {
		return
	}
	for hour := api.HourOf(now.Start); hour < now.End(); hour = hour.Add(api.Hour) {
		made, _ := energy.Made(now, hour, hour.Add(api.Hour))
		addTo(s.most, zone, hour, max(made-s.most[zone][hour], 0))
	}
}

func addTo(to map[string]map[api.Time]api.Microjoules, name string, hour api.Time, uj api.Microjoules) {
	if to[name] == nil {
		to[name] = map[api.Time]api.Microjoules{}
	}
	to[name][hour] += uj
}

// begin places a job of a tenant at a site.
func (s *sunny) begin(tenant, site string, cores int64) api.TaskRef {
	s.began++
	spec := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: fmt.Sprint("j", s.began), Tenant: tenant, Tasks: []api.Task{{
		Name: "t", Driver: api.DriverNoop, Resources: api.Resources{CPU: api.Milli(1000 * cores)}, Requires: api.Requirements{Sites: []string{site}},
	}}}
	spec.Normalize()
	id := s.w.engine.State().NextID
	s.w.step(s.t, &engine.Submit{Workload: spec})
	s.w.settle(s.t)
	return api.TaskRef{Workload: id}
}

// end has the attempt of a job end that ran for a time, and notes what it was given.
func (s *sunny) end(ref api.TaskRef, wall api.Duration) *state.TaskEnded {
	_, t := s.w.engine.State().Task(ref)
	if t == nil || t.Node == "" {
		s.t.Fatalf("job %v has no place", ref)
	}
	s.w.step(s.t, &engine.Reports{Node: t.Node, Reports: []api.Report{{
		Attempt: api.Attempt{TaskRef: ref, Try: t.Try}, N: 1, Kind: api.ReportEnded, Result: &api.Result{Outcome: api.OutcomeSucceeded, Wall: wall},
	}}})
	var ended *state.TaskEnded
	for _, ev := range s.w.events {
		if e, ok := ev.(*state.TaskEnded); ok {
			ended = e
		}
	}
	s.w.settle(s.t)
	if ended == nil || ended.Took == nil {
		s.t.Fatalf("nothing is booked of job %v: %+v", ref, ended)
	}
	if g := ended.Generated; g != nil {
		zone := g.Zone
		if zone == "" {
			zone = g.Site
		}
		for i, uj := range g.Hours {
			addTo(s.given, zone, g.From.Add(api.Duration(i)*api.Hour), uj)
			addTo(s.sites, g.Site, g.From.Add(api.Duration(i)*api.Hour), uj)
		}
	}
	return ended
}

// TestNothingIsGivenTwice: over random histories, of jobs that end when they like, news of
// what sites make that comes late or is revised, and engines that are rebuilt between, no
// hour of a site or of a signal gives more than was ever said to be made in it, and what is
// booked of it by tenant, site, workload and day is the same.
func TestNothingIsGivenTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSunny(t, false)
		type run struct {
			ref   api.TaskRef
			begun api.Time
		}
		var runs []run
		total := api.Microjoules(0)
		for range rapid.IntRange(5, 40).Draw(t, "deeds") {
			s.w.now = s.w.now.Add(api.Duration(rapid.Int64Range(0, int64(rapid.SampledFrom([]api.Duration{api.Minute, 2 * api.Hour, 30 * api.Hour}).Draw(t, "time"))).Draw(t, "pause")))
			switch deed := rapid.IntRange(0, 7).Draw(t, "deed"); {
			case deed < 2:
				v := &api.Signal{Zone: rapid.SampledFrom([]string{"Z", "c", "a"}).Draw(t, "zone"), Step: rapid.SampledFrom([]api.Duration{15 * api.Minute, api.Hour}).Draw(t, "step")}
				v.Start = api.HourOf(s.w.now).Add(-api.Duration(rapid.IntRange(0, 30).Draw(t, "back")) * api.Hour)
				for range rapid.IntRange(1, 60).Draw(t, "values") {
					v.Values = append(v.Values, rapid.Int64Range(0, 600_000).Draw(t, "mW"))
				}
				v.Known = int32(rapid.IntRange(0, len(v.Values)).Draw(t, "known"))
				s.shine(v)
			case deed == 2:
				s.shine(&api.Signal{Zone: "Z", Fault: "down"})
			case deed < 5 && len(runs) < 8:
				site := plants[rapid.IntRange(0, 3).Draw(t, "site")].site
				ref := s.begin(rapid.SampledFrom([]string{"lab", "shop"}).Draw(t, "tenant"), site, 1)
				if _, task := s.w.engine.State().Task(ref); task.Node != "" {
					runs = append(runs, run{ref, s.w.now})
				}
			case deed == 7:
				s.w.rebuild(t)
			case len(runs) > 0:
				i := rapid.IntRange(0, len(runs)-1).Draw(t, "run")
				for _, zone := range []string{"Z", "c", "a"} {
					s.known(zone) // values that passed long ago are dropped, and a fault may be over
				}
				ended := s.end(runs[i].ref, max(s.w.now.Sub(runs[i].begun), 1))
				runs = append(runs[:i], runs[i+1:]...)
				total += ended.Took.Generated
			}
		}
		s.holds(total)
		s.w.replay(t)
	})
}

// holds checks the ledger and the books.
func (s *sunny) holds(total api.Microjoules) {
	for zone, hours := range s.given {
		for hour, uj := range hours {
			if uj > s.most[zone][hour] {
				s.t.Fatalf("in the hour %v %d µJ are given of what the signal of %s says, at most %d were made", hour, uj, zone, s.most[zone][hour])
			}
		}
	}
	for site, hours := range s.sites {
		for hour, uj := range hours {
			if most := max(s.most[site][hour], s.most["Z"][hour]); uj > most {
				s.t.Fatalf("in the hour %v site %s gives %d µJ, at most %d were made", hour, site, uj, most)
			}
		}
	}
	for _, by := range api.BooksBy() {
		sum, energy := api.Microjoules(0), api.Microjoules(0)
		for _, row := range s.w.engine.ViewBooks(by) {
			sum, energy = sum+row.Generated, energy+row.Energy()
			if row.Generated < 0 || row.Bought() < 0 {
				s.t.Fatalf("by %s: %+v", by, row)
			}
		}
		if sum != total || sum > energy {
			s.t.Fatalf("by %s %d of %d µJ are generated, want %d", by, sum, energy, total)
		}
	}
}

// TestSharedPower: sites of a zone share what its signal says, and a site that is told of
// apart later has been given what it was given before.
func TestSharedPower(t *testing.T) {
	const wattHour = 3_600_000_000
	hour := func(zone string, watts int64) *api.Signal {
		return &api.Signal{Zone: zone, Start: api.HourOf(start), Step: api.Hour, Values: []int64{1000 * watts}, Known: 1}
	}
	for _, tc := range []struct {
		name  string
		first string      // site of the attempt that ends first; each takes 120 Wh
		news  *api.Signal // before the second one ends
		then  string
		want  [2]api.Microjoules // in Wh
		zones [2]string
	}{
		{"one site", "a", nil, "a", [2]api.Microjoules{120, 30}, [2]string{"Z", "Z"}},
		{"two sites of a zone", "a", nil, "b", [2]api.Microjoules{120, 30}, [2]string{"Z", "Z"}},
		{"another site of the zone has a signal of its own", "a", hour("b", 130), "b", [2]api.Microjoules{120, 120}, [2]string{"Z", ""}},
		{"the same site has one from then on", "a", hour("a", 130), "a", [2]api.Microjoules{120, 10}, [2]string{"Z", ""}},
		{"less was made than it seemed", "a", hour("Z", 100), "b", [2]api.Microjoules{120, 0}, [2]string{"Z", "Z"}},
		{"more was made than it seemed", "a", hour("Z", 300), "b", [2]api.Microjoules{120, 120}, [2]string{"Z", "Z"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSunny(t, false)
			s.shine(hour("Z", 150))
			refs := [2]api.TaskRef{s.begin("lab", tc.first, 1), s.begin("lab", tc.then, 1)}
			s.w.now = s.w.now.Add(api.Hour)
			for i, ref := range refs {
				if i == 1 && tc.news != nil {
					s.shine(tc.news)
				}
				ended := s.end(ref, api.Hour)
				if ended.Took.Generated != tc.want[i]*wattHour {
					t.Errorf("attempt %d is given %d µJ, want %d Wh", i, ended.Took.Generated, tc.want[i])
				}
				if g := ended.Generated; g != nil && g.Zone != tc.zones[i] {
					t.Errorf("attempt %d is given what the signal of %q says, want %q", i, g.Zone, tc.zones[i])
				}
				s.w.rebuild(t) // what was given survives in a snapshot
			}
		})
	}
}

// TestSitesThatMakeNothing: what is booked at a site of which no generation is known is the
// same, byte for byte, whatever other sites make.
func TestSitesThatMakeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bright, dark := newSunny(t, false), newSunny(t, true)
		bright.shine(&api.Signal{Zone: "Z", Start: bright.w.now, Step: api.Hour, Values: []int64{500_000, 500_000, 500_000}, Known: 3})
		for range rapid.IntRange(1, 6).Draw(t, "jobs") {
			wall := api.Duration(rapid.Int64Range(1, int64(3*api.Hour)).Draw(t, "wall"))
			var ends [2]*state.TaskEnded
			for i, s := range [...]*sunny{bright, dark} {
				ref := s.begin("lab", "d", 2)
				s.w.now = s.w.now.Add(wall)
				ends[i] = s.end(ref, wall)
			}
			if ends[0].Generated != nil || ends[0].Took.Generated != 0 {
				t.Fatalf("a site without a signal gives %+v", ends[0].Generated)
			}
			ends[1].Attempt = ends[0].Attempt
			if a, b := eventBytes(t, []state.Event{ends[0]}), eventBytes(t, []state.Event{ends[1]}); string(a) != string(b) {
				t.Fatalf("%+v\nwhere others make power, and\n%+v", ends[0].Took, ends[1].Took)
			}
		}
	})
}

// TestOwnPowerOfAStep: attempts that end in one Step are not given the same power either:
// the first that is told of has it. What they are booked with is what budgets count, while
// what is foreseen of them counts all as bought.
func TestOwnPowerOfAStep(t *testing.T) {
	s := newSunny(t, false)
	s.shine(&api.Signal{Zone: "c", Start: s.w.now, Step: api.Hour, Values: []int64{150_000}, Known: 1})
	tenant := api.Tenant{Name: "lab", Budgets: []api.Budget{{Carbon: 1e9, Window: api.Day}}}
	tenant.Normalize()
	s.w.step(t, &engine.PutTenant{Tenant: tenant})
	first, second := s.begin("lab", "c", 1), s.begin("lab", "c", 1)
	_, task := s.w.engine.State().Task(first)
	if task.Expects == nil || task.Expects.Generated != 0 || task.Expects.Carbon == nil || *task.Expects.Carbon == 0 {
		t.Fatalf("it is foreseen to take %+v", task.Expects)
	}
	s.w.now = s.w.now.Add(api.Hour)
	report := func(ref api.TaskRef) api.Report {
		return api.Report{Attempt: api.Attempt{TaskRef: ref, Try: 1}, N: 1, Kind: api.ReportEnded, Result: &api.Result{Outcome: api.OutcomeSucceeded, Wall: api.Hour}}
	}
	s.w.step(t, &engine.Reports{Node: "n-c", Reports: []api.Report{report(first), report(second)}})
	const wattHour = 3_600_000_000
	var got []api.Microjoules
	sum := api.Micrograms(0)
	for _, ev := range s.w.events {
		if e, ok := ev.(*state.TaskEnded); ok {
			got, sum = append(got, e.Took.Generated), sum+*e.Took.Carbon
			if e.Took.Energy != 120*wattHour { // a quarter of 400 W, at a PUE of 1.2
				t.Errorf("it took %d µJ", e.Took.Energy)
			}
		}
	}
	if len(got) != 2 || got[0] != 120*wattHour || got[1] != 30*wattHour || sum != 90*300_000 {
		t.Fatalf("%v µJ are their own, %d µg of carbon; of 150 Wh the first takes 120, and 90 Wh at 300 g/kWh are 27 g", got, sum)
	}
	if v := s.w.engine.StandingOf("lab"); len(v) != 1 || v[0].Spent != int64(sum) {
		t.Errorf("the budget stands at %+v", v)
	}
	given := maps.Clone(s.w.engine.State().Accounts.Given.Sites)
	if len(given) != 1 || given["c"].At(api.HourOf(start)) != 150*wattHour {
		t.Errorf("%+v is given", given)
	}
}

// TestLateEndsAreBookedWhereTheyRan: an attempt that tells of its success after its element
// was placed at another site is booked at the site where it ran, also when that made nothing.
func TestLateEndsAreBookedWhereTheyRan(t *testing.T) {
	for name, watts := range map[string]int64{"of power that was bought": 0, "of its site's own": 150} {
		t.Run(name, func(t *testing.T) {
			s := newSunny(t, false)
			if watts > 0 {
				s.shine(&api.Signal{Zone: "a", Start: s.w.now, Step: api.Hour, Values: []int64{watts * 1000}, Known: 1})
			}
			spec := &api.Workload{APIVersion: api.Version, Kind: api.KindJob, Name: "j", Tenant: "lab", Tasks: []api.Task{{
				Name: "t", Driver: api.DriverNoop, Resources: api.Resources{CPU: 1000}, Requires: api.Requirements{Sites: []string{"a", "d"}},
			}}}
			spec.Normalize()
			ref := api.TaskRef{Workload: s.w.engine.State().NextID}
			s.w.step(t, &engine.Drain{Node: "n-d"})
			s.w.step(t, &engine.Submit{Workload: spec})
			s.w.step(t, &engine.Drain{Node: "n-d", Off: true})
			s.w.now = s.w.now.Add(30 * api.Minute)
			s.w.step(t, &engine.Silent{Node: "n-a"})
			s.w.settle(t)
			if _, task := s.w.engine.State().Task(ref); task.Node != "n-d" || task.LostNode != "n-a" {
				t.Fatalf("it is on %q after it was lost on %q", task.Node, task.LostNode)
			}
			s.w.step(t, &engine.Reports{Node: "n-a", Reports: []api.Report{{
				Attempt: api.Attempt{TaskRef: ref, Try: 1}, N: 1, Kind: api.ReportEnded, Result: &api.Result{Outcome: api.OutcomeSucceeded, Wall: 20 * api.Minute},
			}}})
			rows := s.w.engine.ViewBooks("site")
			if len(rows) != 1 || rows[0].Site != "a" || (rows[0].Generated > 0) != (watts > 0) {
				t.Errorf("booked is %+v", rows)
			}
			s.w.replay(t)
		})
	}
}
