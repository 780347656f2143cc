package power

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drover.dev/api"
	"golang.org/x/sys/unix"
)

func file(t *testing.T, mode os.FileMode, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.yaml")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFiles(t *testing.T) {
	s, err := ReadSleeper(file(t, 0o644, "onSleep: [/usr/bin/systemctl, suspend]\nwatts: 4.5\ndown: 10s\nup: 40s\nwakeJoules: 2000\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := api.Sleep{Draw: 4500, Down: 10 * api.Second, Up: 40 * api.Second, UpEnergy: 2_000_000_000}
	if got := *s.Spec(); got != want {
		t.Errorf("the node registers %+v, want %+v", got, want)
	}
	w, err := ReadWakers(file(t, 0o600, "nodes:\n  n1: {mac: \"00:1b:21:3c:4d:5e\"}\n  n2: {onWake: [/bin/true]}\n"))
	if err != nil || len(w.Nodes) != 2 {
		t.Errorf("%+v, %v", w, err)
	}
	for _, c := range []struct {
		name, text, want string
		mode             os.FileMode
	}{
		{"others can write it", "onSleep: [/bin/true]", "others can write", 0o666},
		{"an unknown field", "onSleep: [/bin/true]\nonSlep: 1", "unknown field", 0o600},
		{"no command", "watts: 1", "onSleep: is missing", 0o600},
		{"a program that PATH would say", "onSleep: [systemctl, suspend]", "whole path", 0o600},
		{"too long", "onSleep: [/bin/true]\nup: 2h", "sleep.up", 0o600},
		{"less than nothing", "onSleep: [/bin/true]\nwatts: -1", "watts", 0o600},
		{"no number", "onSleep: [/bin/true]\nwakeJoules: .nan", "wakeJoules", 0o600},
	} {
		if _, err := ReadSleeper(file(t, c.mode, c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	for _, text := range []string{"nodes: {n1: {}}", "nodes: {n1: {mac: zz}}", "nodes: {n1: {mac: \"00:1b:21:3c:4d:5e\", broadcast: x}}", "nodes: {n1: {mac: \"00:1b:21:3c:4d:5e\", onWake: [/bin/true]}}"} {
		if _, err := ReadWakers(file(t, 0o600, text)); err == nil || !strings.Contains(err.Error(), "n1") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestWhoCouldReplaceAFile: what it names is run, so nobody else may put another in its
// place, nor may it hold us up.
func TestWhoCouldReplaceAFile(t *testing.T) {
	const text = "onSleep: [/bin/true]"
	open := file(t, 0o600, text)
	if err := os.Chmod(filepath.Dir(open), 0o777); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.yaml")
	if err := os.Symlink(open, link); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct{ path, want string }{
		"others can write its folder":         {open, "others can replace it"},
		"a link to one whose folder they can": {link, "others can replace it"},
		"a pipe":                              {pipe, "not a regular file"},
	}
	if os.Geteuid() == 0 {
		owned := file(t, 0o600, text)
		if err := os.Chown(owned, 12345, -1); err != nil {
			t.Fatal(err)
		}
		cases["another user owns it"] = struct{ path, want string }{owned, "user 12345 owns it"}
	}
	for name, tc := range cases {
		if _, err := ReadSleeper(tc.path); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
	if err := os.Chmod(filepath.Dir(open), 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSleeper(open); err != nil {
		t.Errorf("in a folder like /tmp, where nobody replaces what others own: %v", err)
	}
}

// TestCommands: no shell reads them, their environment is empty but for the node, and
// what they say is in the error.
func TestCommands(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	t.Setenv("SECRET", "s3cret")
	if err := (Command{"/bin/sh", "-c", `echo "$DROVER_NODE $SECRET $1" > "$0"`, out, "$(id); x"}).Run(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(out); string(got) != "n1  $(id); x\n" {
		t.Errorf("it saw %q", got)
	}
	err := (Command{"/bin/sh", "-c", "echo no such button >&2; exit 3"}).Run(t.Context(), "n1")
	if err == nil || !strings.Contains(err.Error(), "no such button") || !strings.Contains(err.Error(), "status 3") {
		t.Errorf("the error is %v", err)
	}
}

func TestMagicPacket(t *testing.T) {
	l, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w := Waker{MAC: "00:1b:21:3c:4d:5e", Broadcast: l.LocalAddr().String()}
	if err := w.Wake(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	if err := l.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 200)
	n, _, err := l.ReadFrom(got)
	mac, _ := net.ParseMAC(w.MAC)
	if err != nil || n != 102 || !bytes.Equal(got[:6], bytes.Repeat([]byte{0xff}, 6)) || !bytes.Equal(got[96:102], mac) {
		t.Errorf("%d bytes, %v: % x", n, err, got[:n])
	}
}
