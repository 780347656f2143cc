package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"drover.dev/api"
	"drover.dev/api/client"
	"drover.dev/api/manifest"
	"drover.dev/internal/report"
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
		return nil, usageError{errors.New("there is nothing to apply"), "name files, directories with .yaml files, or - for standard input"}
	}
	return docs, nil
}

// faultyFiles is every fault of several files.
type faultyFiles struct {
	texts []string
	all   *manifest.Errors
}

func (f faultyFiles) Error() string {
	text := fmt.Sprintf("%d faults:", len(f.all.List))
	if len(f.all.List) == 1 {
		text = "one fault:"
	}
	for _, t := range f.texts {
		text += "\n" + t
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
		return nil, usageError{err, "name files, directories, or - for standard input"}
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("look for manifests: %w", err)
	}
	for _, e := range entries {
		p := filepath.Join(path, e.Name())
		if !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(p)) {
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
			return nil, usageError{err, ""}
		}
		defer func() { _ = f.Close() }() // it was only read
		in, name, dir = f, file, filepath.Dir(file)
	}
	found, err := manifest.Load(io.Reader(in), manifest.Options{File: name})
	docs := make([]document, len(found))
	for i := range found {
		docs[i] = document{found[i], name, dir}
	}
	return docs, err
}

// upload replaces the files that a workload names by artifacts. done remembers
// what was uploaded before.
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
				return fmt.Errorf("%s, task %s: %w", w.Name, t.Name, err)
			}
		}
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
		var err error
		if stored, err = c.Upload(ctx, path); errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return usageError{err, "paths are relative to the manifest"}
		} else if err != nil {
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
