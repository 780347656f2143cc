//go:build e2e

// Package e2e runs the product as its users do: the program itself, as server
// and agents in processes of their own, over TCP on loopback. Nothing here
// reaches into a running process but by signals, files and the public API.
//
//	make e2e    # or: go test -tags e2e ./e2e/...
//
// DROVER_BIN names a program that is already built. DROVER_SOAK=1 runs the long
// versions.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// program is the path of drover, and scratch a directory for what tests share;
// TestMain sets both before any test runs.
var program, scratch string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "drover-e2e-")
	if err != nil {
		return cannot("make a directory", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // what stays is in the directory for such things
	scratch = dir
	if program = os.Getenv("DROVER_BIN"); program != "" {
		return m.Run()
	}
	program = filepath.Join(dir, "drover")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "drover.dev/cmd/drover")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return cannot("build the program", err)
	}
	return m.Run()
}

func cannot(what string, err error) int {
	fmt.Fprintf(os.Stderr, "cannot %s: %v\n", what, err)
	return 1
}
