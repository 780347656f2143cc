// Package assign solves assignment problems as plain numeric code: which agent
// does which job, at the least total cost, with a proven bound beside every
// answer.
//
//   - [Solve]: generalised assignment. Each job goes to one agent, weights on an
//     agent stay within its capacity.
//   - [Completion]: jobs in sequence on unrelated machines, least Σ C_j, exactly.
//   - [WeightedCompletion]: the same for Σ w_j C_j, with a bound.
//
// The package has no clock, goroutine, random global or I/O. Parallelism, the
// moment to stop and seeds are arguments ([Options]), and with the same answers
// of Stop the results are the same. A planner that has to be reproducible runs
// it outside the deterministic core and validates what comes back.
package assign
