package power

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net"
	"os/exec"
	"time"
)

// Command is a program and its arguments.
type Command []string

// How long a hook may take, and how long what it started may hold its output open.
const (
	patience = time.Minute
	lingers  = time.Second
)

// envPath is the only variable of the environment that hooks get beside their own.
const envPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// maxOutput is how much of what a hook says is kept.
const maxOutput = 1 << 10

// Run runs the command for a node, of which DROVER_NODE tells; it inherits nothing else
// of the environment. The error has the beginning of what it said.
func (c Command) Run(ctx context.Context, node string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, c[0], c[1:]...)
	cmd.Env = []string{envPath, "DROVER_NODE=" + node}
	cmd.WaitDelay = lingers
	var said head
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w (it may take %v)", ctx.Err(), patience)
		}
		return fmt.Errorf("run %s: %w: %s", c[0], err, bytes.TrimSpace(said.kept))
	}
	return nil
}

// head keeps the beginning of what is written.
type head struct{ kept []byte }

func (h *head) Write(p []byte) (int, error) {
	h.kept = append(h.kept, p[:min(len(p), maxOutput-len(h.kept))]...)
	return len(p), nil
}

// Wake runs the command, or sends the packet.
func (w *Waker) Wake(ctx context.Context, node string) error {
	if w.MAC == "" {
		return w.OnWake.Run(ctx, node)
	}
	mac, err := net.ParseMAC(w.MAC)
	if err != nil {
		return fmt.Errorf("wake %s: %w", node, err)
	}
	to := cmp.Or(w.Broadcast, "255.255.255.255:9")
	conn, err := new(net.Dialer).DialContext(ctx, "udp4", to)
	if err != nil {
		return fmt.Errorf("wake %s: %w", node, err)
	}
	defer conn.Close()
	if _, err := conn.Write(magic(mac)); err != nil {
		return fmt.Errorf("wake %s: send the packet to %s: %w", node, to, err)
	}
	return nil
}

// magic is the packet that wakes a machine: six bytes of ones, and sixteen times its
// address (AMD, 1995, "Magic Packet Technology").
func magic(mac net.HardwareAddr) []byte {
	return append(bytes.Repeat([]byte{0xff}, 6), bytes.Repeat(mac, 16)...)
}
