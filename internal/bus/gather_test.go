package bus

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// A pile is read whole and in order without a rest inside; at its end there is one.
func TestGather(t *testing.T) {
	pile := append(bytes.Repeat([]byte("heartbeat "), gatherPart), "end"...)
	for name, c := range map[string]struct {
		from  time.Time
		rests int
	}{
		"rests at the end":    {time.Now().Add(-time.Hour), 1},
		"not while it is new": {time.Now().Add(time.Hour), 0},
	} {
		t.Run(name, func(t *testing.T) {
			reader, writer := net.Pipe()
			defer reader.Close()
			go func() {
				defer writer.Close()
				for part := pile; len(part) > 0; part = part[min(gatherPart, len(part)):] {
					if _, err := writer.Write(part[:min(gatherPart, len(part))]); err != nil {
						return
					}
				}
			}()
			rests := 0
			g := &gathered{Conn: reader, from: c.from, rest: func() { rests++ }}
			var got []byte
			buf := make([]byte, 32<<10)
			for {
				n, err := g.Read(buf)
				got = append(got, buf[:n]...)
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(got, pile) || rests != c.rests {
				t.Errorf("read %d bytes of %d with %d rests, want %d", len(got), len(pile), rests, c.rests)
			}
		})
	}
}
