package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"drover.dev/api"
)

// program settles what drover run is to run: a module, an executable file of this
// machine, which is uploaded, or a command of the node.
func (g *runFlags) program(t *api.Task, words []string) error {
	name := words[0]
	if t.Driver == "" {
		if t.Driver = api.DriverProcess; strings.HasSuffix(name, ".wasm") {
			t.Driver = api.DriverWASM
		}
	}
	info, err := os.Stat(name)
	path := strings.ContainsRune(name, filepath.Separator)
	switch {
	case err == nil && g.driver == "" && isManifest(name):
		return usageError{errText("%s is a manifest, not a program", name), "drover apply -f " + name + " --wait"}
	case t.Driver == api.DriverWASM:
		if err := isFile(name); err != nil {
			return err
		}
	case err != nil && path && !filepath.IsAbs(name):
		return usageError{plainPath(err), relative + "; a command of the node is named without a directory, or from the root"}
	case err == nil && path && !info.Mode().IsRegular():
		return usageError{errText("%s is not a program", name), "name a file that can be executed, or a command of the node"}
	case err != nil || !path:
		t.Command = words
		return nil
	}
	t.Artifact, t.Args = &api.Source{File: name}, words[1:]
	return nil
}

// files adds the files that the program reads.
func (g *runFlags) files(t *api.Task) error {
	for _, in := range g.inputs {
		file, name, named := strings.Cut(in, ":")
		if !named {
			name = filepath.Base(file)
		}
		if err := isFile(file); err != nil {
			return err
		}
		t.Inputs = append(t.Inputs, api.Input{Path: name, Source: api.Source{File: file}})
	}
	return nil
}

// relative is a hint for files of the command line.
const relative = "paths are relative to the working directory"

func isFile(name string) error {
	switch info, err := os.Stat(name); {
	case err != nil:
		return usageError{plainPath(err), relative}
	case !info.Mode().IsRegular():
		return usageError{fmt.Errorf("%s is not a file", name), relative}
	}
	return nil
}

// plainPath says a fault of a path without the name of the system's call.
func plainPath(err error) error {
	var fault *fs.PathError
	if errors.As(err, &fault) {
		return fmt.Errorf("%s: %w", fault.Path, fault.Err)
	}
	return err
}

func isManifest(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name))
}

// inWordsOfRun says faults of the workload that drover run made as faults of what
// was asked of it: there is one task, which nobody named.
func inWordsOfRun(faults []api.FieldError) string {
	lines := make([]string, len(faults))
	for i, f := range faults {
		path := strings.TrimPrefix(f.Path, "tasks[0].")
		lines[i] = strings.TrimPrefix(path+": "+f.Message, ": ")
	}
	return strings.Join(lines, "\n")
}
