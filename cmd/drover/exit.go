package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"drover.dev/api/client"
	"drover.dev/api/manifest"
	"drover.dev/internal/report"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitConflict    = 4
	exitUnreachable = 5
	exitForbidden   = 6
	exitBusy        = 7
	exitInternal    = 70 // EX_SOFTWARE of sysexits.h
	exitInterrupted = 130
)

// exitCodes is the list for people.
func exitCodes() string {
	var b strings.Builder
	for _, c := range []struct {
		code int
		text string
	}{
		{exitOK, "done"},
		{exitFailed, "the work failed or was cancelled"},
		{exitUsage, "wrong usage, or an input with faults"},
		{exitNotFound, "there is no such thing"},
		{exitConflict, "it does not fit what is there"},
		{exitUnreachable, "the server cannot be reached"},
		{exitForbidden, "the token is missing or does not open this"},
		{exitBusy, "the server is busy or cannot take it now"},
		{exitInternal, "a fault of the program, or a machine that fails"},
		{exitInterrupted, "interrupted"},
	} {
		fmt.Fprintf(&b, "  %-4d %s\n", c.code, c.text)
	}
	return strings.TrimSuffix(b.String(), "\n") + "\n\ndrover run exits with the code of the program that it ran."
}

// codeError ends the program with a code of its own; it may have no text.
type codeError struct {
	code int
	text string
}

func (e codeError) Error() string { return e.text }

// usageError is a mistake on the command line, with what to do about it.
type usageError struct {
	error
	hint string
}

func errText(format string, args ...any) error { return fmt.Errorf(format, args...) }

// exit reports an error and returns the exit code.
func (a *app) exit(ctx context.Context, err error) int {
	var coded codeError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &coded) && coded.text == "":
		return coded.code
	}
	code, hint := classify(err)
	if code != exitFailed && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return exitInterrupted
	}
	for i, line := range strings.Split(err.Error(), "\n") {
		if i == 0 {
			line = "drover: " + line
		}
		fmt.Fprintln(a.err, report.Clean(numbered(line)))
	}
	if hint != "" {
		fmt.Fprintln(a.err, "→ "+hint)
	}
	return code
}

// numbered writes the numbers of workloads as people do: #17, not ~17.
func numbered(text string) string {
	return regexp.MustCompile(`(^|\s)~(\d+)\b`).ReplaceAllString(text, "$1#$2")
}

// classify gives the exit code of an error, and what to do next.
func classify(err error) (code int, hint string) {
	var coded codeError
	var usage usageError
	var unreachable *client.UnreachableError
	var refused *client.Error
	var faults *manifest.Errors
	switch {
	case errors.As(err, &coded):
		return coded.code, ""
	case errors.As(err, &usage):
		return exitUsage, usage.hint
	case errors.As(err, &faults):
		return exitUsage, "correct the file; docs/workload.md describes every field"
	case errors.As(err, &unreachable):
		return exitUnreachable, unreachableHint(unreachable)
	case errors.As(err, &refused):
		return classifyRefusal(refused)
	}
	return classifyLocal(err)
}
