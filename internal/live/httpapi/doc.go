// Package httpapi is the HTTP API of a cell: OpenAPI 3.1 from the types, faults
// as application/problem+json, changes and logs as server-sent events.
//
// The package turns requests into inputs and reads; deciding, storing and
// waiting are the [Cell]'s. Every limit on size and time of what a client may
// send is set here.
package httpapi
