package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// profileFlags are those of drover debug profile.
type profileFlags struct {
	file, kind string
	long       time.Duration
}

func profileKinds() []string { return []string{"heap", "goroutine", "cpu"} }

func newProfileCmd(a *app) *cobra.Command {
	var o profileFlags
	cmd := &cobra.Command{
		Use:   "profile -f FILE",
		Short: "Write what a server's memory or processor time is used for into a file",
		Long: `Write what a server's memory or processor time is used for into a file, for
go tool pprof: of the server that --server names. It shows names of functions of
the program, and numbers; nothing of the cell.

heap is what is in use after a collection, and where all that was ever allocated
came from; goroutine is what waits where; cpu is the use of processors in the next
seconds. The administrators' token is needed, as for everything but joining.`,
		Example: "  drover debug profile -f heap.pprof && go tool pprof -top heap.pprof\n  drover debug profile --kind cpu --for 20s -f cpu.pprof --server http://10.0.0.2:7420",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return a.profile(cmd, o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.file, "file", "f", "", "file to write")
	f.StringVar(&o.kind, "kind", "heap", strings.Join(profileKinds(), ", "))
	f.DurationVar(&o.long, "for", 10*time.Second, "how long the use of processors is looked at: 1s to 30s")
	return cmd
}

func (o *profileFlags) check() error {
	switch {
	case o.file == "":
		return usageError{errors.New("no file is named"), "name one with -f FILE"}
	case !slices.Contains(profileKinds(), o.kind):
		return usageError{fmt.Errorf("there is no profile %q", o.kind), "one of " + strings.Join(profileKinds(), ", ")}
	case o.long < time.Second || o.long > 30*time.Second:
		return usageError{fmt.Errorf("--for %v is out of range", o.long), "write 1s to 30s"}
	}
	return nil
}

// profiled is what was written, for --output json.
type profiled struct {
	File   string `json:"file"`
	Kind   string `json:"kind"`
	Server string `json:"server"`
}

func (a *app) profile(cmd *cobra.Command, o profileFlags) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := wholeFile(o.file, "profile", func(w io.Writer) error { return c.Profile(cmd.Context(), w, o.kind, o.long) }); err != nil {
		return err
	}
	return a.show(profiled{o.file, o.kind, c.Server()}, func() error {
		a.say("%s is the %s profile of %s. Look at it with go tool pprof -top %s", o.file, o.kind, c.Server(), o.file)
		return nil
	})
}
