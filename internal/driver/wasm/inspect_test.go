package wasm

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

func TestInspect(t *testing.T) {
	m, err := Inspect(guestPath(t))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(guestPath(t))
	if err != nil {
		t.Fatal(err)
	}
	if m.Size != info.Size() || !slices.Contains(m.Exports, "_start") || !slices.Contains(m.Imports, wasi+".path_open") {
		t.Errorf("%+v", m)
	}
	if m.MinPages == 0 || m.MaxPages != maxPages || m.TableEntries == 0 {
		t.Errorf("%+v", m)
	}
}

func TestInspectRefuses(t *testing.T) {
	const head = "\x00asm\x01\x00\x00\x00"
	var imports *ImportError
	module := func(err error) bool { return errors.Is(err, ErrNotModule) && !errors.As(err, &imports) }
	for name, c := range map[string]struct {
		in string
		is func(error) bool
	}{
		"nothing":             {"", module},
		"half a head":         {head[:5], module},
		"a script":            {"#!/bin/sh\nexit 0\n", module},
		"another version":     {"\x00asm\x02\x00\x00\x00", module},
		"a component":         {"\x00asm\x0d\x00\x01\x00", func(err error) bool { return module(err) && strings.Contains(err.Error(), "wasip1") }},
		"section cut off":     {head + "\x02\x7f\x01", module},
		"endless number":      {head + "\x02\xff\xff\xff\xff\xff\xff", module},
		"number beyond 32":    {head + "\x02\xff\xff\xff\xff\x1f", module},
		"a million imports":   {head + "\x02\x05\xff\xff\xff\xff\x0f", module},
		"giant name":          {head + "\x02\x06\x01\xff\xff\xff\xff\x0f", module},
		"memory beyond 4 GiB": {head + "\x05\x05\x01\x00\x81\x80\x04", module},
		"import of nothing":   {head + "\x02\x05\x01\x01a\x01b", module},
		"a memory import": {head + "\x02\x08\x01\x01a\x01b\x02\x00\x01", func(err error) bool {
			return errors.As(err, &imports) && slices.Equal(imports.Missing, []string{"a.b"})
		}},
	} {
		if m, err := inspect(strings.NewReader(c.in), int64(len(c.in))); !c.is(err) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

// What Inspect lets pass must be what the runtime offers.
func TestFunctionsAreThoseOfTheRuntime(t *testing.T) {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	host, err := wasi_snapshot_preview1.NewBuilder(r).Compile(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var offered []string
	for name := range host.ExportedFunctions() {
		offered = append(offered, name)
	}
	slices.Sort(offered)
	known := functions()
	slices.Sort(known)
	if !slices.Equal(offered, known) {
		t.Errorf("offered %v, known %v", offered, known)
	}
}

func FuzzInspect(f *testing.F) {
	whole, err := os.ReadFile("testdata/guest.wasm")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:200])
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x02\x08\x01\x01a\x01b\x02\x00\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := inspect(bytes.NewReader(b), int64(len(b)))
		if err == nil && m.MinPages > maxPages {
			t.Errorf("%+v", m)
		}
	})
}
