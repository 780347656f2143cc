package main

import (
	"context"
	"errors"
	"os"

	"drover.dev/internal/history"
	"drover.dev/internal/journal"
	"drover.dev/internal/rehearse"
	"drover.dev/internal/state"
)

// recentRecords is how far back a running server is asked.
const recentRecords = 200_000

// demandOf reads what jobs did, from a stopped server's data directory or a bundle;
// "journal" is that of the server which the settings name, and else of this machine's,
// running or stopped.
func (a *app) demandOf(ctx context.Context, path string) (past *rehearse.Past, err error) {
	recent := path == "journal"
	if recent && a.set.server == "" {
		if path, err = a.serverDir(); err != nil {
			return nil, err
		}
		past, err = demandIn(ctx, path)
		recent = errors.Is(err, history.ErrRunning)
	} else if !recent {
		past, err = demandIn(ctx, path)
	}
	if recent {
		return a.demandOfServer(ctx)
	}
	if err != nil {
		return nil, offlineError(err)
	}
	a.noteLeftOut(past)
	return past, nil
}

func (a *app) noteLeftOut(past *rehearse.Past) {
	if past.LeftOut > 0 {
		a.note("left out: %s, as services, systems, or jobs of which a task never ended", counted(uint64(past.LeftOut), "workload"))
	}
}

// demandOfServer asks the server for its recent records.
func (a *app) demandOfServer(ctx context.Context) (past *rehearse.Past, err error) {
	err = a.withServersBundle(ctx, recentRecords, func(path string) (err error) {
		past, err = demandIn(ctx, path)
		return err
	})
	if err == nil {
		a.noteLeftOut(past)
	}
	return past, err
}

// withServersBundle gets a bundle of at least so many records of the server, for as
// long as f takes.
func (a *app) withServersBundle(ctx context.Context, records uint64, f func(path string) error) (err error) {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	to, err := os.CreateTemp("", "drover-recent-*.zip")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(to.Name())) }()
	if err := errors.Join(c.Bundle(ctx, to, records, false), to.Close()); err != nil {
		return err
	}
	return f(to.Name())
}

// demandIn reads a directory or a bundle.
func demandIn(ctx context.Context, path string) (*rehearse.Past, error) {
	src, _, end, err := history.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = end() }() // it is a copy
	return pastOf(ctx, src)
}

// pastOf reads what jobs did from the first record that is there.
func pastOf(ctx context.Context, src *history.Source) (*rehearse.Past, error) {
	base, at := state.New(), journal.Link{}
	if src.Begin > 1 { // a bundle begins with a snapshot
		st, place, err := src.At(ctx, src.Begin)
		if err != nil {
			return nil, err
		}
		base, at = st, place.Link
	}
	records, err := src.Records(ctx, at.N+1)
	if err != nil {
		return nil, err
	}
	return rehearse.ReadRecent(ctx, base, at, records)
}
