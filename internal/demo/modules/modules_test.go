package modules_test

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"

	"drover.dev/internal/demo/modules"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

func TestModulesAreSmallAndNeedOnlyWASI(t *testing.T) {
	e, err := defaultEngine()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range modules.Names() {
		data, err := modules.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 60<<10 {
			t.Errorf("%s has %d bytes, more than 60 KiB", name, len(data))
		}
		m, err := e.module(name, func() ([]byte, error) { return data, nil })
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range m.ImportedFunctions() {
			if module, function, _ := f.Import(); module != wasi_snapshot_preview1.ModuleName {
				t.Errorf("%s imports %s.%s", name, module, function)
			}
		}
	}
}

func TestGetGivesACopy(t *testing.T) {
	first, err := modules.Get(modules.Tile)
	if err != nil {
		t.Fatal(err)
	}
	clear(first)
	second, err := modules.Get(modules.Tile)
	if err != nil || !bytes.HasPrefix(second, []byte("\x00asm")) {
		t.Fatalf("after a caller wrote into its copy, Get gives %q, %v", second[:4], err)
	}
}

func TestGetUnknownName(t *testing.T) {
	if _, err := modules.Get("../modules"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
}
