package httpapi_test

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"drover.dev/internal/live/httpapi"
)

// While the journal stands still, one tenant's submissions fill that tenant's share:
// more are told when to come back, and another tenant's, and all reads, go on.
func TestChangesThatWaitHoldUpNobodyElse(t *testing.T) {
	w := start(t, httpapi.Options{MaxRequests: 8})
	stopped := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Add(4)
	w.cell.Refuse = func() error {
		waiting.Done()
		<-stopped
		return nil
	}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() { w.do("POST", "/v1/workloads?tenant=greedy", job(fmt.Sprint("a", i))) })
	}
	waiting.Wait()
	r := w.do("POST", "/v1/workloads?tenant=greedy", job("b"))
	if w.problem(r, 429); r.Header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
	}
	if r := w.do("GET", "/v1/workloads?tenant=greedy", ""); r.StatusCode != 200 {
		t.Errorf("a read of the same tenant: %d", r.StatusCode)
	}
	waiting.Add(1)
	all.Go(func() {
		if r := w.do("POST", "/v1/workloads?tenant=modest", job("c")); r.StatusCode != 201 {
			t.Errorf("another tenant's change: %d", r.StatusCode)
		}
	})
	waiting.Wait() // it has got through
	close(stopped)
	all.Wait()
}

// Bodies that are under way count with their full length from the start.
func TestBodiesInMemoryAreBounded(t *testing.T) {
	w := start(t, httpapi.Options{MaxBody: 1000, MaxBodies: 2000})
	c, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	head := "POST /v1/workloads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + w.token + "\r\nContent-Length: 900\r\n\r\n{"
	if _, err := io.WriteString(c, head); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		r := w.do("POST", "/v1/workloads", job("a")+string(make([]byte, 700)))
		if r.StatusCode == 429 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the last answer is %d, want 429", r.StatusCode)
		}
	}
}

// A connection without a request makes room for a new one.
func TestConnectionsAreBounded(t *testing.T) {
	w := start(t, httpapi.Options{MaxConnections: 2})
	get := func(c net.Conn) error {
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			return err
		}
		if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return err
		}
		_, err := c.Read(make([]byte, 1000))
		return err
	}
	var conns []net.Conn
	for i := range 5 {
		c, err := net.Dial("tcp", w.server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if err := get(c); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		conns = append(conns, c)
		time.Sleep(5 * time.Millisecond) // the server notes that it is idle now
	}
	alive := 0
	for _, c := range conns {
		if get(c) == nil {
			alive++
		}
	}
	if alive > 2 {
		t.Errorf("%d connections live, want 2", alive)
	}
}
