package live

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/failpoint"
	"drover.dev/internal/state"
)

// victimEnv makes the test binary a server that submits work to itself and says
// what was acknowledged, until a failpoint kills it.
const victimEnv = "DROVER_TEST_VICTIM"

func victim(dir string) {
	if err := submitForEver(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func submitForEver(dir string) error {
	ctx := context.Background()
	c, err := Open(ctx, Config{Dir: dir, SnapshotEvery: 5, Failpoint: os.Getenv(failpoint.Env)})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	<-c.Ready()
	node := api.Node{
		Name: "n1", Site: "here", Layer: api.LayerEdge, Drivers: []string{api.DriverNoop}, Speed: 1000,
		Capacity: api.Resources{CPU: 1000},
	}
	if _, _, err := c.Do(ctx, []engine.Input{&engine.Register{Node: node}}); err != nil {
		return err
	}
	for i := range 1000 {
		name := fmt.Sprint("w", i)
		if _, _, err := c.Do(ctx, []engine.Input{submit(job(name, 1))}); err != nil {
			return err
		}
		fmt.Println(name)
	}
	return errors.New("the failpoint was never reached")
}

// TestAKilledServerLosesNothing kills a server at each of its failpoints and
// looks for everything that it had acknowledged.
func TestAKilledServerLosesNothing(t *testing.T) {
	for _, point := range Failpoints() {
		t.Run(point, func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), victimEnv+"="+dir, failpoint.Env+"="+point+":3")
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var acknowledged []string
			for lines := bufio.NewScanner(out); lines.Scan(); {
				acknowledged = append(acknowledged, lines.Text())
			}
			if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
				t.Fatalf("the server was not killed: %v", err)
			}
			c := run(t, Config{Dir: dir})
			_, seq := do(t, c, submit(job("last", 1)))
			view(t, c, seq, func(st *state.State) {
				for _, name := range acknowledged {
					if st.Named("default", name) == nil {
						t.Errorf("%s was acknowledged and is lost", name)
					}
				}
				if n := len(st.Workloads); n > len(acknowledged)+2 {
					t.Errorf("%d workloads, %d were acknowledged and at most one was under way", n, len(acknowledged))
				}
			})
			if n := must[int](t)(c.Audit(t.Context())); n < len(acknowledged) {
				t.Errorf("audited %d records", n)
			}
		})
	}
}
