package main

import (
	"os"
	"path/filepath"
	"time"

	"drover.dev/internal/demo"
	"github.com/spf13/cobra"
)

func newDemoCmd(a *app) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the main job on an embedded cloud-edge-device continuum",
		Long: `Starts a cell with three nodes in this process, a device, an edge gateway and a
cloud, with declared links between their sites. A task on the device samples
this machine, one on the edge cleans the samples, one in the cloud makes a
report; beside it an array of tasks renders one large image, joined by a last
task. Prints what was decided and why, how long each stage took and where the
bytes went, and ends by itself.`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			self, err := os.Executable()
			if err != nil {
				return errText("find this program, which the device runs again: %w", err)
			}
			return demo.Run(cmd.Context(), demo.Options{
				Out: out, Self: self, Writer: a.out, Style: a.style(), Progress: a.width > 0 && a.terminal,
			})
		},
	}
	cmd.Flags().StringVar(&out, "out", "drover-demo", "directory for report.html and image.png")
	return cmd
}

// newDemoSampleCmd is what the demo's task on the device runs.
func newDemoSampleCmd() *cobra.Command {
	return &cobra.Command{
		Use:    "demo-sample EVERY FOR",
		Short:  "Sample this machine into samples.csv in the task's output directory",
		Hidden: true,
		Args:   args(2, 2, "how often and how long to sample"),
		RunE: func(cmd *cobra.Command, words []string) (err error) {
			var times [2]time.Duration
			for i, w := range words {
				if times[i], err = time.ParseDuration(w); err != nil {
					return usageError{err, "write for example 100ms 3s"}
				}
			}
			f, err := os.Create(filepath.Join(os.Getenv("DROVER_OUT"), "samples.csv"))
			if err != nil {
				return errText("make the file of samples: %w", err)
			}
			defer func() {
				if closing := f.Close(); err == nil {
					err = closing
				}
			}()
			return demo.Sample(cmd.Context(), "/proc", times[0], times[1], f)
		},
	}
}
