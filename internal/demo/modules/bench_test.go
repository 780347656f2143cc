package modules_test

import (
	"testing"

	"drover.dev/internal/demo/modules"
	"github.com/tetratelabs/wazero"
)

// benchmarkModule times whole runs of a module on the default engine, instantiation included.
func benchmarkModule(b *testing.B, name string, args ...string) {
	b.Helper()
	e, err := defaultEngine()
	if err != nil {
		b.Fatal(err)
	}
	m, err := e.module(name, func() ([]byte, error) { return modules.Get(name) })
	if err != nil {
		b.Fatal(err)
	}
	config := wazero.NewModuleConfig().WithName("").WithArgs(append([]string{name}, args...)...).
		WithFSConfig(wazero.NewFSConfig().WithDirMount(b.TempDir(), "/out"))
	for b.Loop() {
		instance, err := e.runtime.InstantiateModule(b.Context(), m, config)
		if err != nil {
			b.Fatal(err)
		}
		if err := instance.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
