// Package calibrate is plain numeric code that fits a twin to what really happened:
// run times, start-up times, links and power, each with the samples that it rests on,
// an interval with its measured coverage, and an alarm when it no longer holds.
package calibrate
