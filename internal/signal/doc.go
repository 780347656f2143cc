// Package signal reads time series from outside: carbon intensity, prices, weather and
// on-site generation, from files, from declared HTTP feeds and from tariffs. It judges
// whether what came can be true, and makes of it the signals that a cell keeps.
package signal
