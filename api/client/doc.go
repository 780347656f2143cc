// Package client talks to a Drover server. It is what the command line uses, and
// it needs nothing but the standard library.
//
// A [Client] makes the idempotency keys of changes by itself and tries again
// under the same key when the server is busy, restarting or out of reach, so
// that a change happens once however often it was sent. Watches and logs go on
// where a broken connection left off.
package client
