// Package api is Drover's vocabulary: what a user submits (Workload, Task),
// where it may run (Node, Site, Link), what was decided (Decision, Profile) and
// what agents and servers say to each other (Assignment, Report).
//
// The package is pure: no clock, no goroutine, no I/O. Types carry units, names
// do not: a Bytes is bytes, a Milli thousandths of a CPU or accelerator.
//
// Types that enter the journal carry integer CBOR keys. A key, once released,
// keeps its meaning for ever; a removed field leaves its key unused.
package api
