package core

import (
	"flag"
	"os"
	"testing"
)

// TestMain makes histories longer and more numerous than usual: one takes far
// less than a millisecond.
func TestMain(m *testing.M) {
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range map[string]string{"rapid.checks": "3000", "rapid.steps": "80"} {
		if !given[name] {
			_ = flag.Set(name, value)
		}
	}
	os.Exit(m.Run())
}
