package api

import "strconv"

// Deferral is why, and until when, tasks that may wait are not started yet: the hours in
// which their energy is cleaner or cheaper come later, and still before their deadline.
type Deferral struct {
	Until  Time      `json:"until" cbor:"1,keyasint"`                       // when they are to start
	Latest Time      `json:"latest" cbor:"2,keyasint"`                      // later than this their deadline would be in danger
	Since  Time      `json:"since" cbor:"3,keyasint"`                       // when they began to wait
	By     Objective `json:"by" cbor:"4,keyasint"`                          // carbon, cost, or both alike (balanced)
	Site   string    `json:"site,omitempty" cbor:"5,keyasint,omitempty"`    // by whose signals
	Saves  int32     `json:"percent" cbor:"6,keyasint,omitempty"`           // against starting when they were looked at: −38 is 38 % less
	Run    Duration  `json:"run" cbor:"7,keyasint,omitempty"`               // how long the site is expected to be busy with all of them
	Part   int64     `json:"part" cbor:"8,keyasint,omitempty"`              // of the site that they need, in millionths
	Doubt  string    `json:"inDoubt,omitempty" cbor:"9,keyasint,omitempty"` // what of the signals is in doubt
	// Budget is how the budget of carbon stands for want of which they wait.
	Budget string `json:"budget,omitempty" cbor:"10,keyasint,omitempty"`
}

// String says it in a phrase: "waits for 02:00: −38 % carbon, +6h".
func (d *Deferral) String() string {
	by := string(d.By)
	if d.By == ObjectiveBalanced {
		by = "carbon and cost"
	}
	text := "waits for " + d.Until.Beside(d.Since) + ": " + percent(d.Saves) + " " + by + ", +" + (d.Until.Sub(d.Since) / Minute * Minute).String()
	if d.Budget != "" {
		text += "; " + d.Budget
	}
	if d.Doubt != "" {
		text += " (" + d.Doubt + ")"
	}
	return text
}

func percent(p int32) string {
	if p < 0 {
		return "−" + strconv.Itoa(int(-p)) + " %"
	}
	return strconv.Itoa(int(p)) + " %"
}

// Beside is a moment as it is said beside another one, in UTC: "02:00", and with the day
// where that is another one.
func (t Time) Beside(other Time) string {
	const day = "2006-01-02"
	at := t.Std()
	if other.Std().Format(day) == at.Format(day) {
		return at.Format("15:04")
	}
	return at.Format(day + " 15:04")
}
