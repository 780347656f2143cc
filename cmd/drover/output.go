package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"drover.dev/api"
	"drover.dev/api/manifest"
	"drover.dev/internal/report"
)

// machine reports whether output is for programs, not for people.
func (a *app) machine() bool { return a.set.output == "json" || a.set.output == "yaml" }

// show writes v for programs, or what table draws for people.
func (a *app) show(v any, table func() error) error {
	switch a.set.output {
	case "json":
		e := json.NewEncoder(a.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(v)
	case "yaml":
		text, err := manifest.Dump(v)
		if err != nil {
			return err
		}
		_, err = a.out.Write(text)
		return err
	}
	return table()
}

// say writes a line for people; programs are told by v instead.
func (a *app) say(format string, args ...any) {
	fmt.Fprintln(a.out, report.Clean(fmt.Sprintf(format, args...)))
}

// did tells what a command did to the thing of a name: an action in a word for programs,
// a line for people.
func (a *app) did(name, action, format string) error {
	v := struct {
		Name   string `json:"name"`
		Action string `json:"action"`
	}{name, action}
	return a.show(v, func() error { a.say(format, name); return nil })
}

// note writes lines that are no result: to the other stream.
func (a *app) note(format string, args ...any) {
	for line := range strings.SplitSeq(fmt.Sprintf(format, args...), "\n") {
		fmt.Fprintln(a.err, report.Clean(line))
	}
}

// warn tells of what was accepted but is probably not meant.
func (a *app) warn(list []api.FieldError, text func(api.FieldError) string) {
	for _, w := range list {
		a.note("warning: %s", text(w))
	}
}

// list makes an empty list of a nil one, so that programs always find a list.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
