// Package control holds what a leader does beside deciding, as reducers: which
// inputs make up the next batch ([Batcher]), what becomes of an append
// ([Leader]), which nodes have fallen silent ([Liveness]) and what time it is
// ([Clock]).
//
// Nothing here reads a clock, starts a goroutine or does I/O: time is an
// argument, what is to be done is a result. The live shell and the twin drive
// the same code, and a model can visit all of its histories.
package control
