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
	journal := path == "journal"
	if journal && a.set.server == "" {
		if path, err = a.serverDir(); err != nil {
			return nil, err
		}
		past, err = demandIn(ctx, path)
		journal = errors.Is(err, history.ErrRunning)
	} else if !journal {
		past, err = demandIn(ctx, path)
	}
	if journal {
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
		a.note("%d workloads are left out: services, systems, and jobs of which a task never ended", past.LeftOut)
	}
}

// demandOfServer asks the server for its recent records.
func (a *app) demandOfServer(ctx context.Context) (past *rehearse.Past, err error) {
	c, err := a.client()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	f, err := os.CreateTemp("", "drover-recent-*.zip")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	if err := errors.Join(c.Bundle(ctx, f, recentRecords, false), f.Close()); err != nil {
		return nil, err
	}
	if past, err = demandIn(ctx, f.Name()); err == nil {
		a.noteLeftOut(past)
	}
	return past, err
}

// demandIn reads a directory or a bundle.
func demandIn(ctx context.Context, path string) (*rehearse.Past, error) {
	src, _, end, err := history.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = end() }() // it is a copy
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
