package driver

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func logDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, Logs), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestLogKeepsHeadAndTail(t *testing.T) {
	dir := logDir(t)
	w := NewLogWriter(dir, Stdout, 4096)
	var all bytes.Buffer
	for i := range 5000 {
		line := strings.Repeat(string(rune('a'+i%26)), 9) + "\n"
		all.WriteString(line)
		io.WriteString(w, line)
	}
	dropped := w.Close()

	var kept, gap int64
	for at := int64(0); ; {
		p := make([]byte, 100)
		n, from, err := ReadLog(dir, Stdout, at, p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(p[:n], all.Bytes()[from:from+int64(n)]) {
			t.Fatalf("at %d: %q", from, p[:n])
		}
		gap += from - at
		kept += int64(n)
		at = from + int64(n)
	}
	if kept > 4096 || kept < 3*1024 {
		t.Errorf("kept %d bytes of a limit of 4096", kept)
	}
	if gap != dropped || kept+gap != int64(all.Len()) {
		t.Errorf("kept %d + dropped %d (gap seen: %d), written %d", kept, dropped, gap, all.Len())
	}
}

func TestLogOfAnySizeAddsUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := logDir(t)
		w := NewLogWriter(dir, Stderr, 0)
		var written int64
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 3000), 0, 30).Draw(rt, "writes") {
			w.Write(make([]byte, n))
			written += int64(n)
		}
		dropped := w.Close()
		var kept int64
		starts, err := os.ReadDir(filepath.Join(dir, Logs))
		if err != nil {
			rt.Fatal(err)
		}
		for _, e := range starts {
			info, err := e.Info()
			if err != nil {
				rt.Fatal(err)
			}
			kept += info.Size()
		}
		if kept+dropped != written || kept > MinLog || (written <= MinLog && dropped > 0) {
			rt.Fatalf("written %d, kept %d, dropped %d", written, kept, dropped)
		}
	})
}

func TestReadLogDoesNotFollowLinks(t *testing.T) {
	dir := logDir(t)
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, Logs, "stdout.0.log")); err != nil {
		t.Fatal(err)
	}
	if n, _, err := ReadLog(dir, Stdout, 0, make([]byte, 10)); n > 0 || err == nil {
		t.Errorf("read %d bytes through a link, %v", n, err)
	}
}

func TestReadLogOfNothing(t *testing.T) {
	if _, _, err := ReadLog(t.TempDir(), Stdout, 0, make([]byte, 10)); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want io.EOF", err)
	}
}
