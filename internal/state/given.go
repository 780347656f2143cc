package state

import (
	"slices"

	"drover.dev/api"
)

// Given is what of the power that sites make themselves was booked on attempts, hour by
// hour for as long as signals are kept, so that none of it is booked twice: neither of a
// site, nor of a signal that several sites share.
type Given struct {
	Sites map[string]*Hours `cbor:"1,keyasint,omitempty"` // by name, at most MaxBooks
	Zones map[string]*Hours `cbor:"2,keyasint,omitempty"` // of signals, at most MaxBooks
}

// Hours are amounts of energy in one hour after the other, at most api.MaxGeneratedHours.
type Hours struct {
	From    api.Time          `cbor:"1,keyasint"` // the begin of the first hour
	Amounts []api.Microjoules `cbor:"2,keyasint,omitempty"`
}

// At is the amount in the hour that begins at a moment.
func (h *Hours) At(hour api.Time) api.Microjoules {
	if h == nil || hour < h.From {
		return 0
	}
	if i := hour.Sub(h.From) / api.Hour; i < api.Duration(len(h.Amounts)) {
		return h.Amounts[i]
	}
	return 0
}

// over tells whether all its hours are before a moment.
func (h *Hours) over(oldest api.Time) bool {
	return h.From.Add(api.Duration(len(h.Amounts))*api.Hour) <= oldest
}

// add adds an amount to an hour that is not before oldest, and drops those that are.
func (h *Hours) add(hour api.Time, uj api.Microjoules, oldest api.Time) {
	if h.over(oldest) {
		h.From, h.Amounts = hour, nil
	} else if gone := oldest.Sub(h.From) / api.Hour; gone > 0 {
		h.From, h.Amounts = oldest, slices.Clone(h.Amounts[gone:])
	}
	if before := h.From.Sub(hour) / api.Hour; before > 0 {
		h.From, h.Amounts = hour, append(make([]api.Microjoules, before), h.Amounts...)
	}
	at := int(hour.Sub(h.From) / api.Hour)
	for len(h.Amounts) <= at {
		h.Amounts = append(h.Amounts, 0)
	}
	h.Amounts[at] = saturate(h.Amounts[at], uj)
}

// Given is what of the power that a site made itself in an hour, as the signal of a zone
// says, was booked already. more tells whether more of it can be.
func (s *State) Given(site, zone string, hour api.Time) (uj api.Microjoules, more bool) {
	oldest := api.OldestGeneration(s.Now)
	if hour < oldest {
		return 0, false
	}
	if s.Accounts == nil || s.Accounts.Given == nil {
		return 0, true
	}
	g := s.Accounts.Given
	return max(g.Sites[site].At(hour), g.Zones[zone].At(hour)), hasRoom(g.Sites, site, oldest) && hasRoom(g.Zones, zone, oldest)
}

// hasRoom tells whether amounts are kept of a name, or can be.
func hasRoom(m map[string]*Hours, name string, oldest api.Time) bool {
	if m[name] != nil || len(m) < MaxBooks {
		return true
	}
	for _, h := range m { // order-free: whether there is any
		if h.over(oldest) {
			return true
		}
	}
	return false
}

// give books what an attempt took of what its site made itself.
func (s *State) give(took *api.Generated) {
	if took == nil {
		return
	}
	a := s.books()
	if a.Given == nil {
		a.Given = &Given{}
	}
	zone := took.Zone
	if zone == "" {
		zone = took.Site
	}
	g := a.Given
	g.Sites, g.Zones = orMake(g.Sites), orMake(g.Zones)
	oldest := api.OldestGeneration(s.Now)
	for i, uj := range took.Hours {
		hour := took.From.Add(api.Duration(i) * api.Hour)
		if uj > 0 && hour >= oldest && hour <= s.Now {
			giveOf(g.Sites, took.Site, hour, uj, oldest)
			giveOf(g.Zones, zone, hour, uj, oldest)
		}
	}
}

// giveOf adds an amount to those of a name; where there are too many names those go of
// which all hours are over.
func giveOf(m map[string]*Hours, name string, hour api.Time, uj api.Microjoules, oldest api.Time) {
	h := m[name]
	if h == nil {
		if len(m) >= MaxBooks {
			for _, old := range sortedKeys(m) {
				if m[old].over(oldest) {
					delete(m, old)
				}
			}
		}
		if len(m) >= MaxBooks {
			return
		}
		h = &Hours{From: hour}
		m[name] = h
	}
	h.add(hour, uj, oldest)
}
