package api

// Node is a place that runs tasks, as its agent registers it.
type Node struct {
	Name     string            `json:"name" cbor:"1,keyasint,omitempty"` // [a-z0-9-], unique in the cell
	Site     string            `json:"site" cbor:"2,keyasint,omitempty"`
	Layer    Layer             `json:"layer" cbor:"3,keyasint,omitempty"`
	Labels   map[string]string `json:"labels,omitempty" cbor:"4,keyasint,omitempty"`
	Taints   []Taint           `json:"taints,omitempty" cbor:"5,keyasint,omitempty"`
	Capacity Resources         `json:"capacity" cbor:"6,keyasint,omitempty"`
	Drivers  []string          `json:"drivers" cbor:"7,keyasint,omitempty"`
	Speed    Milli             `json:"speed,omitempty" cbor:"8,keyasint,omitempty"` // single-core speed relative to the reference node, 1000 = equal
	Power    *PowerModel       `json:"power,omitempty" cbor:"9,keyasint,omitempty"`
	Price    *Money            `json:"price,omitempty" cbor:"10,keyasint,omitempty"` // per hour of the whole node
	Version  string            `json:"version,omitempty" cbor:"11,keyasint,omitempty"`
	Boot     string            `json:"boot,omitempty" cbor:"12,keyasint,omitempty"`  // changes when the machine restarts
	Sleep    *Sleep            `json:"sleep,omitempty" cbor:"13,keyasint,omitempty"` // nil: it is never switched off
	Embodied *Embodied         `json:"embodied,omitempty" cbor:"17,keyasint,omitempty"`
}

// PowerModel is a node's draw in milliwatts at no load and at full load; linear
// in between.
type PowerModel struct {
	Idle int64 `json:"idleMilliwatts" cbor:"1,keyasint,omitempty"`
	Full int64 `json:"fullMilliwatts" cbor:"2,keyasint,omitempty"`
	// Devices is what each accelerator of a kind draws beside Idle and Full; of kinds
	// that are not named it is in these.
	Devices []DevicePower `json:"devices,omitempty" cbor:"3,keyasint,omitempty"`
}

// DevicePower is the draw of one accelerator in milliwatts.
type DevicePower struct {
	Kind  string `json:"kind" cbor:"1,keyasint"`
	Model string `json:"model,omitempty" cbor:"2,keyasint,omitempty"` // "": of any model
	Idle  int64  `json:"idleMilliwatts" cbor:"3,keyasint,omitempty"`
	Full  int64  `json:"fullMilliwatts" cbor:"4,keyasint,omitempty"`
}

// PowerState is whether a node draws power and can run tasks.
type PowerState string

// The power states; "" is on. Only a node that is on takes work.
const (
	PowerOn       PowerState = "on"
	PowerSleeping PowerState = "sleeping"
	PowerWaking   PowerState = "waking"
)

// Site is where nodes stand.
type Site struct {
	Name   string `json:"name" cbor:"1,keyasint,omitempty"`
	Layer  Layer  `json:"layer" cbor:"2,keyasint,omitempty"`
	Zone   string `json:"zone,omitempty" cbor:"3,keyasint,omitempty"`   // grid zone, for example "DE"
	Tariff string `json:"tariff,omitempty" cbor:"4,keyasint,omitempty"` // name of a tariff
	PUE    Milli  `json:"pue,omitempty" cbor:"5,keyasint,omitempty"`    // power usage effectiveness, at least 1
	Links  []Link `json:"links,omitempty" cbor:"6,keyasint,omitempty"`
	// Rest lets nodes sleep that are idle; nil only under a strategy that says so.
	Rest *Rest `json:"rest,omitempty" cbor:"7,keyasint,omitempty"`
	// Cooling is the power usage effectiveness by the temperature outside, from the
	// coldest on; PUE holds where the temperature of the site's zone is not known.
	Cooling []CoolingPoint `json:"cooling,omitempty" cbor:"8,keyasint,omitempty"`
	// Market is what the energy bought for the site emits by its contract; without it
	// the market-based carbon of the site is that of its grid.
	Market *Market `json:"market,omitempty" cbor:"12,keyasint,omitempty"`
	// Battery stores energy behind the meter of the site; nil: it has none.
	Battery *Battery `json:"battery,omitempty" cbor:"13,keyasint,omitempty"`
}

// Link is a connection from its site to another one; both directions are alike.
type Link struct {
	To         string   `json:"to" cbor:"1,keyasint,omitempty"`
	RTT        Duration `json:"rtt" cbor:"2,keyasint,omitempty"`
	Bandwidth  Rate     `json:"bandwidth" cbor:"3,keyasint,omitempty"`
	PricePerGB *Money   `json:"pricePerGB,omitempty" cbor:"4,keyasint,omitempty"`
}

// Reservation is capacity that is promised to an owner for a time: that of a task
// which waits, on the nodes where it is expected to begin at From. It ends when
// the task is placed, or does not wait any more.
type Reservation struct {
	ID        uint64          `json:"id" cbor:"1,keyasint,omitempty"`
	Node      string          `json:"node,omitempty" cbor:"2,keyasint,omitempty"` // "": see Places
	Owner     string          `json:"owner" cbor:"3,keyasint,omitempty"`          // name for people
	Resources Resources       `json:"resources" cbor:"4,keyasint,omitempty"`      // of each element
	Expires   Time            `json:"expires" cbor:"5,keyasint,omitempty"`        // when the owner is expected to end; 0: never
	Price     Money           `json:"price" cbor:"6,keyasint,omitempty"`
	From      Time            `json:"from" cbor:"7,keyasint,omitempty"`             // when the owner is expected to begin
	Task      *TaskRef        `json:"task,omitempty" cbor:"8,keyasint,omitempty"`   // the owner, or the first of its gang
	Places    []ReservedPlace `json:"places,omitempty" cbor:"9,keyasint,omitempty"` // by name of node
	Made      Time            `json:"made" cbor:"10,keyasint,omitempty"`            // when it was last planned
}

// ReservedPlace is how many elements of a gang are promised room on a node.
type ReservedPlace struct {
	Node  string `json:"node" cbor:"1,keyasint"`
	Count int32  `json:"count" cbor:"2,keyasint"`
}

// DeviceShare is a part of one accelerator of a node.
type DeviceShare struct {
	Group int32 `json:"group" cbor:"1,keyasint,omitempty"` // position in Node.Capacity.Accelerators
	Index int32 `json:"index" cbor:"2,keyasint,omitempty"` // device of that group, from 0
	Share Milli `json:"share" cbor:"3,keyasint"`           // 1 to 1000
}
