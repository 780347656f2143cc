package cron

import (
	"archive/zip"
	_ "embed" // the zone database
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// zoneinfo is lib/time/zoneinfo.zip of the Go distribution: the IANA time zone
// database, public domain. It is part of what makes decisions replayable, so an
// update of it is a change of the program.
//
//go:embed zoneinfo.zip
var zoneinfo string

// maxZone bounds the size of one zone's data.
const maxZone = 64 << 10

// zones maps names to loaders; each zone is read at most once, when it is first
// asked for. What it gives depends on nothing but the database.
var zones = sync.OnceValue(func() map[string]func() (*time.Location, error) {
	index := make(map[string]func() (*time.Location, error))
	r, err := zip.NewReader(strings.NewReader(zoneinfo), int64(len(zoneinfo)))
	if err != nil {
		return index // a test reads every zone
	}
	for _, f := range r.File {
		if !strings.HasSuffix(f.Name, "/") {
			index[f.Name] = sync.OnceValues(func() (*time.Location, error) { return load(f) })
		}
	}
	return index
})

// Zone returns the IANA time zone of the given name, for example
// "Europe/Berlin" or "UTC".
func Zone(name string) (*time.Location, error) {
	if name == "UTC" {
		return time.UTC, nil
	}
	read, ok := zones()[name]
	if !ok {
		return nil, fmt.Errorf("%.64q is not a time zone; write an IANA name such as Europe/Berlin, or UTC", name)
	}
	return read()
}

func load(f *zip.File) (*time.Location, error) {
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("read time zone %s: %w", f.Name, err)
	}
	defer r.Close() //nolint:errcheck // reading from memory
	data, err := io.ReadAll(io.LimitReader(r, maxZone))
	if err != nil {
		return nil, fmt.Errorf("read time zone %s: %w", f.Name, err)
	}
	return time.LoadLocationFromTZData(f.Name, data)
}

// ZoneNames returns the names that Zone knows, in order.
func ZoneNames() []string { return slices.Sorted(maps.Keys(zones())) }
