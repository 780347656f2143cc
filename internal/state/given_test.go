package state_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"drover.dev/api"
	"drover.dev/internal/state"
)

// given is a state in which attempts take of what sites make themselves.
type given struct {
	st *state.State
	id uint64
}

// take has an attempt end that took so much, by the hour from a moment on.
func (g *given) take(t interface{ Fatal(...any) }, now api.Time, own *api.Generated) {
	g.id++
	ref := api.TaskRef{Workload: g.id}
	for _, ev := range []state.Event{
		&state.WorkloadSubmitted{ID: g.id, Spec: &api.Workload{
			Name: fmt.Sprint("w", g.id), Tenant: "lab", Kind: api.KindJob, Tasks: []api.Task{{Name: "t", Driver: "noop"}},
		}},
		&state.NodeRegistered{Node: api.Node{Name: "n", Site: own.Site}},
		&state.TaskPlaced{Ref: ref, Try: 1, Node: "n"},
		&state.TaskEnded{
			Attempt: api.Attempt{TaskRef: ref, Try: 1}, N: 1, Result: &api.Result{}, Next: api.TaskSucceeded,
			Took: &api.Footprint{Energy: own.Total(), Generated: own.Total(), Basis: api.BasisModelled}, Generated: own,
		},
		&state.WorkloadFinished{ID: g.id, Status: api.WorkloadSucceeded},
		&state.WorkloadForgotten{IDs: []uint64{g.id}},
	} {
		if err := g.st.Apply(now, ev); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGivenOfSitesAndZones: over random histories what is kept of the hours of the last two
// days is what was given, of sites and of the zones of signals, whose sites share them; and
// nothing is kept of hours before.
func TestGivenOfSitesAndZones(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := given{st: state.New()}
		sites, zones := map[string]map[api.Time]api.Microjoules{}, map[string]map[api.Time]api.Microjoules{}
		add := func(to map[string]map[api.Time]api.Microjoules, name string, hour api.Time, uj api.Microjoules) {
			if to[name] == nil {
				to[name] = map[api.Time]api.Microjoules{}
			}
			to[name][hour] += uj
		}
		now := api.Time(20_000 * api.Day)
		for range rapid.IntRange(1, 20).Draw(t, "attempts") {
			now = now.Add(api.Duration(rapid.Int64Range(0, int64(20*api.Hour)).Draw(t, "pause")))
			oldest := api.OldestGeneration(now)
			own := &api.Generated{Site: rapid.SampledFrom([]string{"a", "b", "Z"}).Draw(t, "site"), Zone: rapid.SampledFrom([]string{"", "Z", "Y"}).Draw(t, "zone")}
			first := rapid.IntRange(0, api.MaxGeneratedHours-1).Draw(t, "first")
			own.From = oldest.Add(api.Duration(first) * api.Hour)
			zone := own.Zone
			if zone == "" {
				zone = own.Site
			}
			for i := range rapid.IntRange(1, api.MaxGeneratedHours-first).Draw(t, "hours") {
				uj := api.Microjoules(rapid.Int64Range(0, 1e12).Draw(t, "uj"))
				own.Hours = append(own.Hours, uj)
				add(sites, own.Site, own.From.Add(api.Duration(i)*api.Hour), uj)
				add(zones, zone, own.From.Add(api.Duration(i)*api.Hour), uj)
			}
			g.take(t, now, own)
			for _, site := range []string{"a", "b", "Z", "never"} {
				for _, zone := range []string{"a", "b", "Z", "Y", "never"} {
					for h := range api.MaxGeneratedHours {
						hour := oldest.Add(api.Duration(h) * api.Hour)
						if got, more := g.st.Given(site, zone, hour); got != max(sites[site][hour], zones[zone][hour]) || !more {
							t.Fatalf("of site %s and zone %s %d, %v are given in %v, want %d and %d", site, zone, got, more, hour, sites[site][hour], zones[zone][hour])
						}
					}
					if _, more := g.st.Given(site, zone, oldest-1); more {
						t.Fatal("an hour that is not kept is given once more")
					}
				}
			}
			for name, h := range g.st.Accounts.Given.Sites {
				if len(h.Amounts) > api.MaxGeneratedHours {
					t.Fatalf("%d hours are kept of site %s", len(h.Amounts), name)
				}
			}
		}
	})
}

// TestGivenIsBounded: where as many sites have their hours as are kept, another one is given
// nothing until those of one of them are over.
func TestGivenIsBounded(t *testing.T) {
	g := given{st: state.New()}
	now := api.Time(20_000 * api.Day)
	own := func(site string, at api.Time) *api.Generated {
		return &api.Generated{Site: site, From: api.HourOf(at), Hours: []api.Microjoules{1}}
	}
	for i := range state.MaxBooks {
		g.take(t, now, own(fmt.Sprint("s", i), now))
	}
	if _, more := g.st.Given("late", "late", now); more {
		t.Error("there is room for one more")
	}
	if uj, more := g.st.Given("s7", "s7", now); uj != 1 || !more {
		t.Errorf("a site that is kept was given %d, and may have more: %v", uj, more)
	}
	g.take(t, now, own("late", now)) // nobody decides that; it is not kept, and nothing grows
	if n := len(g.st.Accounts.Given.Sites); n != state.MaxBooks {
		t.Errorf("%d sites are kept", n)
	}
	now = now.Add(48 * api.Hour)
	g.take(t, now, own("s7", now))
	now = now.Add(api.Hour)
	g.st.Now = now
	if _, more := g.st.Given("late", "late", now); !more {
		t.Error("there is no room, although the hours of most sites are over")
	}
	g.take(t, now, own("late", now))
	if given := g.st.Accounts.Given; len(given.Sites) != 2 || len(given.Zones) != 2 || given.Sites["late"].At(now) != 1 || given.Sites["s7"].At(now.Add(-api.Hour)) != 1 {
		t.Errorf("%d sites and %d zones are kept: %+v", len(given.Sites), len(given.Zones), given.Sites)
	}
}

// TestBookedWhereItRan: an attempt that tells of its end after its element was placed at
// another site is booked at the site whose power it took.
func TestBookedWhereItRan(t *testing.T) {
	st, ref := state.New(), api.TaskRef{Workload: 1}
	for _, ev := range []state.Event{
		&state.WorkloadSubmitted{ID: 1, Spec: &api.Workload{Name: "w", Tenant: "lab", Kind: api.KindJob, Tasks: []api.Task{{Name: "t", Driver: "noop"}}}},
		&state.NodeRegistered{Node: api.Node{Name: "there", Site: "there"}},
		&state.NodeRegistered{Node: api.Node{Name: "here", Site: "here"}},
		&state.TaskPlaced{Ref: ref, Try: 1, Node: "here"},
		&state.TasksLost{Node: "here", Refs: []api.TaskRef{ref}, Next: api.TaskPending},
		&state.TaskPlaced{Ref: ref, Try: 2, Node: "there"},
		&state.TaskEnded{
			Attempt: api.Attempt{TaskRef: ref, Try: 1}, N: 1, Result: &api.Result{}, Next: api.TaskSucceeded,
			Took: &api.Footprint{Energy: 5, Generated: 5, Basis: api.BasisModelled}, Generated: &api.Generated{Site: "here", Hours: []api.Microjoules{5}},
		},
	} {
		if err := st.Apply(1, ev); err != nil {
			t.Fatal(err)
		}
	}
	if here := st.Accounts.Sites["here"]; here == nil || here.Generated != 5 || st.Accounts.Sites["there"] != nil {
		t.Errorf("%+v", st.Accounts.Sites)
	}
}
