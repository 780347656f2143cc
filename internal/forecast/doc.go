// Package forecast predicts equally spaced time series: demand, durations,
// prices, carbon and generation, with intervals, and measures how good the
// predictions are. It is plain numeric code: no clock, goroutine or random
// global. Parallelism, stopping and seeds are arguments, so the same input gives
// the same forecast on every run of one processor.
//
// A [Model] is fitted to a [Series] and gives a [Fitted], which predicts. [Auto]
// chooses and combines models by a rolling backtest, also across many series.
package forecast
