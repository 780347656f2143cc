package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/api/manifest"
	"drover.dev/internal/report"
	"github.com/spf13/cobra"
)

// document is a document of a file, with the directory that its sources are
// relative to.
type document struct {
	manifest.Document
	file string
	dir  string
}

// place is where the document begins, for messages.
func (d *document) place() string {
	if d.file == "" {
		return fmt.Sprintf("stdin:%d", d.Line)
	}
	return fmt.Sprintf("%s:%d", d.file, d.Line)
}

// located is where a path of the document stands, and the fault of it, for
// messages.
func (d *document) located(f api.FieldError) string {
	if f.Path == "" {
		return d.place() + ": " + f.Message
	}
	line, column := d.Locate(f.Path)
	name := d.file
	if name == "" {
		name = "stdin"
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", name, line, column, f.Path, f.Message)
}

// documents reads files, the manifests of directories, or "-" for standard
// input. The faults of all of them are found before anything is done.
func (a *app) documents(paths []string) (docs []document, err error) {
	all := &manifest.Errors{}
	var texts []string
	for _, path := range paths {
		files, err := manifests(path)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			found, err := a.read(file)
			var faults *manifest.Errors
			if errors.As(err, &faults) {
				texts = append(texts, faults.Error())
				all.List = append(all.List, faults.List...)
			} else if err != nil {
				return nil, err
			}
			docs = append(docs, found...)
		}
	}
	if len(all.List) > 0 {
		return nil, faultyFiles{texts, all}
	}
	if len(docs) == 0 {
		return nil, nothingNamed(paths)
	}
	return docs, nil
}

// nothingNamed says why there are no documents: nobody named any, or directories
// without manifests.
func nothingNamed(paths []string) error {
	const hint = "name files, directories with .yaml, .yml or .json files, or - for standard input, with -f"
	if len(paths) == 0 {
		return usageError{errors.New("no file is named"), hint}
	}
	return usageError{fmt.Errorf("there are no manifests in %s", strings.Join(paths, ", ")), hint}
}

// fileArgs refuses files that are not behind -f, and says how to write it.
func fileArgs(cmd *cobra.Command, got []string) error {
	if len(got) == 0 {
		return nil
	}
	return usageError{
		errText("%s does not know what to do with %q", cmd.CommandPath(), strings.Join(got, " ")),
		"files are named with -f: " + cmd.CommandPath() + " -f " + strings.Join(got, " -f "),
	}
}

// faultyFiles is every fault of several files.
type faultyFiles struct {
	texts []string
	all   *manifest.Errors
}

// maxFaults is how many faults are listed; who has more has another trouble.
const maxFaults = 50

func (f faultyFiles) Error() string {
	text := fmt.Sprintf("%d faults:", len(f.all.List))
	if len(f.all.List) == 1 {
		text = "one fault:"
	}
	lines := strings.Split(strings.Join(f.texts, "\n"), "\n")
	for _, line := range lines[:min(len(lines), maxFaults)] {
		text += "\n" + line
	}
	if more := len(lines) - maxFaults; more > 0 {
		text += fmt.Sprintf("\nand %d more", more)
	}
	return text
}

func (f faultyFiles) Unwrap() error { return f.all }

// manifests are the files that a path means; those of a directory are its own, not
// those of directories in it, in the order of their names.
func manifests(path string) ([]string, error) {
	if path == "-" {
		return []string{path}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, usageError{plainPath(err), "name files, directories, or - for standard input"}
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, usageError{fmt.Errorf("look for manifests: %w", err), "name directories that this user can read"}
	}
	for _, e := range entries {
		p := filepath.Join(path, e.Name())
		if !isManifest(p) {
			continue
		}
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() { // a link to a file is one
			files = append(files, p)
		}
	}
	return files, nil
}

// read reads the documents of one file.
func (a *app) read(file string) ([]document, error) {
	in, name, dir := a.in, "", "."
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, usageError{plainPath(err), "name files that this user can read"}
		}
		defer func() { _ = f.Close() }() // it was only read
		in, name, dir = f, file, filepath.Dir(file)
	}
	found, err := manifest.Load(io.Reader(in), manifest.Options{File: name})
	var faults *manifest.Errors
	if err != nil && !errors.As(err, &faults) {
		return nil, usageError{err, "name files that can be read to their end"}
	}
	docs := make([]document, len(found))
	for i := range found {
		docs[i] = document{found[i], name, dir}
	}
	return docs, err
}

// upload replaces the files that a workload names, relative to dir, by artifacts.
// done remembers what was uploaded before.
func (a *app) upload(ctx context.Context, c *client.Client, w *api.Workload, dir string, done map[string]api.Stored) error {
	for i := range w.Tasks {
		t := &w.Tasks[i]
		sources := make([]*api.Source, 0, 1+len(t.Inputs))
		if t.Artifact != nil {
			sources = append(sources, t.Artifact)
		}
		for j := range t.Inputs {
			sources = append(sources, &t.Inputs[j].Source)
		}
		for _, s := range sources {
			if s.File == "" {
				continue
			}
			if err := a.uploadSource(ctx, c, s, dir, done); err != nil {
				return fmt.Errorf("task %s: %w", t.Name, err)
			}
		}
	}
	return nil
}

// uploadable refuses what is no file.
func uploadable(path string) error {
	const hint = "paths are relative to the directory of the manifest"
	switch info, err := os.Stat(path); {
	case err != nil:
		return usageError{plainPath(err), hint}
	case !info.Mode().IsRegular():
		return usageError{errText("%s is not a file", path), hint}
	}
	return nil
}

func (a *app) uploadSource(ctx context.Context, c *client.Client, s *api.Source, dir string, done map[string]api.Stored) error {
	path := s.File
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	stored, known := done[path]
	if !known {
		if err := uploadable(path); err != nil {
			return err
		}
		var err error
		if stored, err = c.Upload(ctx, path); err != nil {
			return err
		}
		done[path] = stored
		if a.terminal && stored.Size > api.MiB {
			a.note("uploaded %s (%s)", path, report.Bytes(stored.Size))
		}
	}
	s.File, s.Digest, s.Size = "", stored.Digest, stored.Size
	return nil
}
