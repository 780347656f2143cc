package worker

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func sockets(t *testing.T) (a, b *os.File) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, b = os.NewFile(uintptr(pair[0]), "a"), os.NewFile(uintptr(pair[1]), "b")
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// Whoever closes after it heard all must not reset the other side, whatever
// the length of what it heard.
func TestClosingAfterAMessageOfAnyLength(t *testing.T) {
	for n := range 2000 {
		a, b := sockets(t)
		if err := Send(a, strings.Repeat("x", n)); err != nil {
			t.Fatal(err)
		}
		var got string
		if err := Receive(b, 1<<20, &got); err != nil || len(got) != n {
			t.Fatalf("%d bytes came as %d, %v", n, len(got), err)
		}
		b.Close()
		if p, err := io.ReadAll(a); err != nil || len(p) != 0 {
			t.Fatalf("after %d bytes: %q, %v", n, p, err)
		}
		a.Close()
	}
}

func TestWhatIsNotAMessage(t *testing.T) {
	var got string
	a, b := sockets(t)
	a.Close()
	if err := Receive(b, 10, &got); !errors.Is(err, io.EOF) {
		t.Errorf("silence: %v", err)
	}
	a, b = sockets(t)
	if err := Send(a, "123456789"); err != nil {
		t.Fatal(err)
	}
	if err := Receive(b, 10, &got); err == nil || !strings.Contains(err.Error(), "more than 10 bytes") {
		t.Errorf("too long: %v", err)
	}
}
