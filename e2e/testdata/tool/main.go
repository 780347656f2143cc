// Command tool is what the tasks of the end-to-end tests run.
//
//	tool web          a server on DROVER_PORT_HTTP that answers / with $VERSION;
//	                  /healthz is 200, or 503 when $SICK is set. It notes in the
//	                  file $LIVES when it begins and when it ends to serve
//	tool hold MIB     takes so much memory and keeps it until it is killed
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "tool:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "web":
		return web()
	case len(args) == 2 && args[0] == "hold":
		return hold(args[1])
	}
	return fmt.Errorf("wrong arguments: %q", args)
}

func web() error {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("DROVER_PORT_HTTP"))
	if err != nil {
		return err
	}
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, os.Getenv("VERSION")) })
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if os.Getenv("SICK") != "" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	server := &http.Server{ReadHeaderTimeout: time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	if err := note(1); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	case <-ended:
		return note(-1)
	}
}

// note appends a change of the number of servers: one write, so that lines of
// several processes do not mix.
func note(change int) error {
	f, err := os.OpenFile(os.Getenv("LIVES"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(f, "%d %d %s\n", time.Now().UnixNano(), change, os.Getenv("VERSION")); err != nil {
		return err
	}
	return f.Close()
}

func hold(mib string) error {
	n, err := strconv.Atoi(mib)
	if err != nil {
		return err
	}
	var held [][]byte
	for range n {
		b := make([]byte, 1<<20)
		for i := range b {
			b[i] = 1
		}
		held = append(held, b)
	}
	fmt.Println("held", len(held), "MiB")
	time.Sleep(time.Hour)
	return nil
}
