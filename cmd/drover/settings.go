package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"drover.dev/api"
	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// defaultAddress is where a server listens when nothing else is said.
const defaultAddress = "127.0.0.1:7420"

// settings are the flags of every command.
type settings struct {
	server, token, tenant, ca string
	data                      string // of a server on this machine
	output                    string
	timeout                   time.Duration
}

func (s *settings) flags(f *pflag.FlagSet) {
	f.StringVar(&s.server, "server", "", "URL of the server, or of several of one cell with commas between them (default: the one of this machine)")
	f.StringVar(&s.token, "token", "", "token of the cell (default: the one of this machine's server)")
	f.StringVar(&s.tenant, "tenant", api.DefaultTenant, "whose workloads are meant")
	f.StringVar(&s.ca, "ca", "", "file with the authorities to trust for https")
	f.StringVar(&s.data, "data", "", "data directory of this machine's server (default ~/.local/share/drover)")
	f.StringVarP(&s.output, "output", "o", "table", "table, wide, json or yaml")
	f.DurationVar(&s.timeout, "timeout", 30*time.Second, "how long to try to get an answer")
}

// inFile are the flags that may stand in the configuration file.
func inFile() []string {
	return []string{"server", "token", "tenant", "ca", "data", "output", "timeout"}
}

// settle fills in the flags that were not given from the environment, then from
// the file.
func (a *app) settle(cmd *cobra.Command) error {
	file, path, err := a.readConfig()
	if err != nil {
		return err
	}
	var errs []error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		shared := cmd.InheritedFlags().Lookup(f.Name) == f
		if f.Changed || f.Name == "help" || !shared && !slices.Contains([]string{"dev", "server", "agent"}, cmd.Name()) {
			return
		}
		name := "DROVER_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, from := a.getenv(name), name
		if value == "" && shared && slices.Contains(inFile(), f.Name) {
			value, from = file[f.Name], path+": "+f.Name
		}
		if value == "" {
			return
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", from, err))
		}
	})
	if a.set.timeout <= 0 {
		errs = append(errs, fmt.Errorf("--timeout %s: it is more than nothing, for example 30s", a.set.timeout))
	}
	if !api.ValidName(a.set.tenant) {
		errs = append(errs, fmt.Errorf("--tenant %q is not a name: 1 to 63 small letters, digits and -", a.set.tenant))
	}
	if !slices.Contains([]string{"table", "wide", "json", "yaml"}, a.set.output) {
		errs = append(errs, fmt.Errorf("--output %q: it is table, wide, json or yaml", a.set.output))
	}
	if err := errors.Join(errs...); err != nil {
		return usageError{err, "see " + cmd.CommandPath() + " --help"}
	}
	return nil
}

// readConfig reads ~/.config/drover/config.yaml; it is empty when there is none.
func (a *app) readConfig() (values map[string]string, path string, err error) {
	dir := a.getenv("XDG_CONFIG_HOME")
	if dir == "" && a.home != "" {
		dir = filepath.Join(a.home, ".config")
	}
	if dir == "" {
		return nil, "", nil
	}
	path = filepath.Join(dir, "drover", "config.yaml")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, path, nil
	}
	if err != nil {
		return nil, path, usageError{fmt.Errorf("read the configuration: %w", err), ""}
	}
	if err := yaml.Unmarshal(text, &values); err != nil {
		return nil, path, usageError{fmt.Errorf("read %s: %w", path, err), "it is a list of NAME: VALUE"}
	}
	for name := range values {
		if !slices.Contains(inFile(), name) {
			hint := "it may hold " + strings.Join(inFile(), ", ")
			if near := api.Nearest(name, inFile()); near != "" {
				hint = "did you mean " + near + "?"
			}
			return nil, path, usageError{fmt.Errorf("read %s: there is no setting %q", path, name), hint}
		}
	}
	return values, path, nil
}

// dataDir is where this machine's server keeps its data.
func (a *app) dataDir() (string, error) {
	if a.set.data != "" {
		return a.set.data, nil
	}
	if dir := a.getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "drover"), nil
	}
	if a.home == "" {
		return "", usageError{errors.New("there is no home directory for the data"), "name a directory with --data"}
	}
	return filepath.Join(a.home, ".local", "share", "drover"), nil
}

// addressFile in a server's directory holds its URL while it runs.
const addressFile = "url"

// found is a server with the token for it.
type found struct{ url, token string }

// server is the one that the settings name, else the one of this machine. A
// token that was found on this machine is for this machine's server only.
func (a *app) server() (found, error) {
	local, err := a.local("admin.token")
	if err != nil {
		return found{}, err
	}
	s := found{cmp.Or(a.set.server, local.url, "http://"+defaultAddress), a.set.token}
	if s.token == "" && s.url == local.url {
		s.token = local.token
	}
	return s, nil
}

// local is the server of this machine with one of its tokens, as far as they can
// be found: in the data directory itself or, as drover dev does, in server/.
func (a *app) local(token string) (found, error) {
	dir, err := a.dataDir()
	if err != nil {
		return found{}, err
	}
	for _, d := range []string{filepath.Join(dir, "server"), dir} {
		if url := readLine(filepath.Join(d, addressFile)); url != "" {
			return found{url, readLine(filepath.Join(d, token))}, nil
		}
	}
	return found{}, nil
}

// announce says in a server's directory where it listens, until the returned
// function is called.
func announce(dir, url string) (end func(), err error) {
	path := filepath.Join(dir, addressFile)
	if err := os.WriteFile(path, []byte(url+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("note the server's address: %w", err)
	}
	return func() { _ = os.Remove(path) }, nil // the next start writes it anew
}

// readLine is the text of a small file; "" when it cannot be read.
func readLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
