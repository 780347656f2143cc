package main

import (
	"context"
	"errors"
	"iter"
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
	err = a.withPast(ctx, path, func(src *history.Source) (err error) {
		past, err = pastOf(ctx, src)
		return err
	})
	if err != nil {
		return nil, err
	}
	a.noteLeftOut(past)
	return past, nil
}

// withPast opens the records of a path, as demandOf names it, for as long as f takes.
func (a *app) withPast(ctx context.Context, path string, f func(*history.Source) error) (err error) {
	open := func(path string) error { return sourceIn(ctx, path, f) }
	recent := path == "journal"
	if recent && a.set.server == "" {
		if path, err = a.serverDir(); err != nil {
			return err
		}
		err = open(path)
		recent = errors.Is(err, history.ErrRunning)
	} else if !recent {
		err = open(path)
	}
	if recent {
		return a.withServersBundle(ctx, recentRecords, open)
	}
	if err != nil {
		return offlineError(err)
	}
	return nil
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
func demandIn(ctx context.Context, path string) (past *rehearse.Past, err error) {
	err = sourceIn(ctx, path, func(src *history.Source) (err error) {
		past, err = pastOf(ctx, src)
		return err
	})
	return past, err
}

func sourceIn(ctx context.Context, path string, f func(*history.Source) error) error {
	src, _, end, err := history.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = end() }() // it is a copy
	return f(src)
}

// pastOf reads what jobs did from the first record that is there.
func pastOf(ctx context.Context, src *history.Source) (*rehearse.Past, error) {
	base, at, records, err := recordsOf(ctx, src)
	if err != nil {
		return nil, err
	}
	return rehearse.ReadRecent(ctx, base, at, records)
}

// recordsOf are all that there are, and the state before the first of them.
func recordsOf(ctx context.Context, src *history.Source) (*state.State, journal.Link, iter.Seq2[journal.Entry, error], error) {
	base, at := state.New(), journal.Link{}
	if src.Begin > 1 { // a bundle begins with a snapshot
		st, place, err := src.At(ctx, src.Begin)
		if err != nil {
			return nil, at, nil, err
		}
		base, at = st, place.Link
	}
	records, err := src.Records(ctx, at.N+1)
	return base, at, records, err
}
