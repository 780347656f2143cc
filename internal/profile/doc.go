// Package profile learns what a task is before it is placed: its class, how
// long it will run with an 80 % interval, what data it moves, and which
// technology and strategy suit it, with reasons.
//
// It is pure and uses integers only, so that a History may live in state and
// every processor computes the same Profile. It keeps nothing between calls.
package profile
