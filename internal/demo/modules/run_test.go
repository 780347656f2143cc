package modules_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"drover.dev/internal/demo/modules"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
)

// An engine compiles each module once and runs it as often as asked.
type engine struct {
	runtime  wazero.Runtime
	mu       sync.Mutex
	compiled map[string]wazero.CompiledModule
}

func newEngine(config wazero.RuntimeConfig) (*engine, error) {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, config.WithMemoryLimitPages(4096))
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, r); err != nil {
		return nil, fmt.Errorf("offer WASI: %w", err)
	}
	return &engine{runtime: r, compiled: map[string]wazero.CompiledModule{}}, nil
}

// defaultEngine is wazero's compiler where it supports the processor, shared by all tests of the package.
var defaultEngine = sync.OnceValues(func() (*engine, error) { return newEngine(wazero.NewRuntimeConfig()) })

func (e *engine) module(name string, wasm func() ([]byte, error)) (wazero.CompiledModule, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if m, ok := e.compiled[name]; ok {
		return m, nil
	}
	data, err := wasm()
	if err != nil {
		return nil, err
	}
	m, err := e.runtime.CompileModule(context.Background(), data)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", name, err)
	}
	e.compiled[name] = m
	return m, nil
}

// A task is one run of a module over a private /in and /out.
type task struct {
	in, out        string
	args           []string
	env            map[string]string
	stdout, stderr string
	code           int
}

func newTask(t *testing.T, inputs map[string]string) *task {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "task")
	if err != nil {
		t.Fatal(err)
	}
	k := &task{in: filepath.Join(dir, "in"), out: filepath.Join(dir, "out")}
	if err := errors.Join(os.Mkdir(k.in, 0o755), os.Mkdir(k.out, 0o755)); err != nil {
		t.Fatal(err)
	}
	for name, content := range inputs {
		k.put(t, name, content)
	}
	return k
}

func (k *task) put(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(k.in, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func (k *task) output(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(k.out, name))
	if err != nil {
		t.Fatalf("%v; the module said: %s", err, k.stderr)
	}
	return string(data)
}

// run executes one of the demo's modules on the default engine.
func (k *task) run(t *testing.T, name string) *task {
	t.Helper()
	e, err := defaultEngine()
	if err != nil {
		t.Fatal(err)
	}
	return k.runOn(t, e, name, func() ([]byte, error) { return modules.Get(name) })
}

func (k *task) runOn(t *testing.T, e *engine, name string, wasm func() ([]byte, error)) *task {
	t.Helper()
	m, err := e.module(name, wasm)
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	config := wazero.NewModuleConfig().WithName("").WithArgs(append([]string{name}, k.args...)...).
		WithStdout(&stdout).WithStderr(&stderr).
		WithFSConfig(wazero.NewFSConfig().WithReadOnlyDirMount(k.in, "/in").WithDirMount(k.out, "/out"))
	for key, value := range k.env {
		config = config.WithEnv(key, value)
	}
	instance, err := e.runtime.InstantiateModule(context.Background(), m, config)
	if err == nil {
		err = instance.Close(context.Background())
	}
	var exit *sys.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s trapped: %v", name, err)
	}
	k.code = 0
	if exit != nil {
		k.code = int(exit.ExitCode())
	}
	k.stdout, k.stderr = stdout.String(), stderr.String()
	return k
}

// wantOK fails the test unless the module ended well.
func (k *task) wantOK(t *testing.T) *task {
	t.Helper()
	if k.code != 0 {
		t.Fatalf("exit code %d: %s", k.code, k.stderr)
	}
	return k
}

// wantRefusal fails the test unless the module ended with the code and a message that contains all parts.
func (k *task) wantRefusal(t *testing.T, code int, parts ...string) {
	t.Helper()
	if k.code != code {
		t.Errorf("exit code %d, want %d; stderr: %s", k.code, code, k.stderr)
	}
	for _, part := range parts {
		if !strings.Contains(k.stderr, part) {
			t.Errorf("stderr %q does not contain %q", k.stderr, part)
		}
	}
}
