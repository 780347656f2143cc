package main

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"syscall"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/internal/agent"
	"drover.dev/internal/bus"
	"drover.dev/internal/live"
	"drover.dev/internal/lockfile"
	"github.com/nats-io/nats.go"
)

// classifyRefusal gives the exit code of what a server refused, and what to do
// next.
func classifyRefusal(e *client.Error) (code int, hint string) {
	switch e.Problem.Type {
	case api.ProblemNoWorkload:
		hint = "drover ls lists workloads, with --all-tenants those of every tenant"
	case api.ProblemNoTask:
		hint = "drover show NAME lists the tasks of a workload"
	case api.ProblemNoSignal:
		hint = "drover signals lists those that there are"
	case api.ProblemNoNode:
		hint = "drover nodes lists the nodes"
	case api.ProblemNotPlaced:
		hint = "drover explain NAME says why"
	}
	if e.Problem.Detail == "" && len(e.Fields) == 0 { // every refusal of Drover says why
		return exitUnreachable, strangerHint
	}
	code, general := classifyStatus(e.Status)
	if hint == "" {
		hint = general
	}
	return code, hint
}

func classifyStatus(status int) (code int, hint string) {
	switch status {
	case http.StatusUnauthorized:
		return exitForbidden, "give the token of the cell with --token or DROVER_TOKEN; it stands in admin.token in the server's data directory"
	case http.StatusForbidden:
		return exitForbidden, "use a token that opens this"
	case http.StatusNotFound:
		return exitNotFound, ""
	case http.StatusConflict:
		return exitConflict, ""
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return exitBusy, "try again in a moment, or wait longer with --timeout"
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return exitUnreachable, "something between here and the server answers for it: check --server"
	}
	if status >= 400 && status < 500 {
		return exitUsage, ""
	}
	return exitInternal, ""
}

// strangerHint is for answers that Drover does not give.
const strangerHint = "what answers there is no Drover server, or it wants https: check --server"

// unreachableHint says what may make a server answer.
func unreachableHint(e *client.UnreachableError) string {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	switch {
	case errors.As(e, &authority):
		return "name the file with the certificate of its authority with --ca"
	case errors.As(e, &host):
		return "name the server with --server as its certificate does"
	case errors.Is(e, http.ErrSchemeMismatch):
		return "it speaks http, not https: name it so with --server"
	}
	return "start one with drover dev, or name another with --server"
}

// classifyLocal gives the exit code of what this machine refused: its files, its
// disk, its addresses. They are no faults of the program.
func classifyLocal(err error) (code int, hint string) {
	var held *lockfile.HeldError
	var path *fs.PathError
	var listen *net.OpError
	var away *bus.UnreachableError
	var syntax *json.SyntaxError // of an answer: what people write is read by other means
	switch {
	case errors.As(err, &held), errors.Is(err, live.ErrSecret):
		return exitConflict, ""
	case errors.As(err, &syntax):
		return exitUnreachable, strangerHint
	case errors.Is(err, live.ErrConfig), errors.Is(err, agent.ErrConfig):
		return exitUsage, ""
	case errors.As(err, &away), errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout):
		return exitUnreachable, ""
	case errors.As(err, &listen) && listen.Op == "listen":
		return classifyListen(listen)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return exitBusy, "the disk is full: make room, then try again"
	case errors.As(err, &path) && wrongPath(path.Err):
		return exitUsage, "the path must be there, and this user must be allowed to use it"
	}
	return exitInternal, ""
}

func wrongPath(err error) bool {
	for _, e := range []syscall.Errno{
		syscall.ENOENT, syscall.EACCES, syscall.EPERM, syscall.ENOTDIR, syscall.EISDIR, syscall.EROFS,
		syscall.ENAMETOOLONG, syscall.ELOOP, syscall.EINVAL, syscall.EEXIST,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// classifyListen is about an address that cannot be listened on.
func classifyListen(e *net.OpError) (code int, hint string) {
	const other = "choose another address with --http or --bus"
	switch {
	case errors.Is(e, syscall.EADDRINUSE):
		if who := holder(e.Addr); who != "" {
			return exitConflict, fmt.Sprintf("%s has it: stop that, or %s", who, other)
		}
		return exitConflict, "stop the program that has it, or " + other
	case errors.Is(e, syscall.EACCES):
		return exitUsage, "ports below 1024 need rights of their own: " + other
	}
	return exitUsage, other
}
