package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// golden compares a text with a file; -rewrite, which the scripts share, writes
// it.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if f := flag.Lookup("rewrite"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the commands say now: run go test ./cmd/drover -rewrite and review the change\n%s",
			path, difference(string(want), string(got)))
	}
}

// difference shows the first lines that differ.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\n- %s\n+ %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("%d lines, now %d", len(w), len(g))
}

// walk visits all commands that people see.
func walk(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			walk(sub, visit)
		}
	}
}

func TestHelp(t *testing.T) {
	root := newRootCmd(newConsole(t, nil).app)
	root.InitDefaultCompletionCmd()
	var b bytes.Buffer
	root.SetOut(&b)
	walk(root, func(c *cobra.Command) {
		fmt.Fprintf(&b, "==== %s --help\n", c.CommandPath())
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		b.WriteString("\n")
	})
	golden(t, "testdata/help.txt", b.Bytes())
}

func TestDocs(t *testing.T) {
	root := newRootCmd(newConsole(t, nil).app)
	root.InitDefaultCompletionCmd()
	var b bytes.Buffer
	b.WriteString("# The command line\n\n")
	b.WriteString("<!-- Written by go test ./cmd/drover -rewrite from the commands themselves. -->\n\n")
	fmt.Fprintf(&b, "```text\n%s\n```\n\n## Flags of every command\n\n", root.Long)
	flagTable(&b, root.PersistentFlags())
	walk(root, func(c *cobra.Command) {
		if c != root && c.Name() != "completion" && c.Parent().Name() != "completion" {
			section(&b, c)
		}
	})
	b.WriteString("## drover completion\n\nPrints the completion script of a shell: `drover completion bash`, `zsh`, `fish` or `powershell`. " +
		"It completes commands, flags, and the names of workloads and nodes.\n")
	golden(t, "../../docs/cli.md", b.Bytes())
}

func section(b *bytes.Buffer, c *cobra.Command) {
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	fmt.Fprintf(b, "## %s\n\n```text\n%s\n```\n\n%s\n\n", c.CommandPath(), c.UseLine(), text)
	if c.Example != "" {
		fmt.Fprintf(b, "```sh\n%s\n```\n\n", strings.ReplaceAll("\n"+c.Example, "\n  ", "\n")[1:])
	}
	flagTable(b, c.LocalNonPersistentFlags())
}

func flagTable(b *bytes.Buffer, flags *pflag.FlagSet) {
	var rows bytes.Buffer
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Hidden {
			return
		}
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		value := f.DefValue
		if value == "[]" || value == "false" || value == "0" || value == "0s" {
			value = ""
		}
		if value != "" {
			value = "`" + value + "`"
		}
		fmt.Fprintf(&rows, "| %s | %s | %s |\n", name, value, strings.ReplaceAll(f.Usage, "|", "\\|"))
	})
	if rows.Len() > 0 {
		fmt.Fprintf(b, "| flag | default | |\n|---|---|---|\n%s\n", rows.String())
	}
}
