package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"drover.dev/api"
)

// maxSecret bounds one secret, in bytes.
const maxSecret = 64 << 10

// secret reads one secret of the node's store. Errors never hold its value.
func (n *node) secret(ref string) ([]byte, error) {
	if n.cfg.SecretsDir == "" {
		return nil, reject("secret %q: this node has no secrets", ref)
	}
	if !filepath.IsLocal(ref) || strings.ContainsAny(ref, `/\`) {
		return nil, reject("secret %q: not the name of a secret", ref)
	}
	root, err := os.OpenRoot(n.cfg.SecretsDir)
	if err != nil {
		return nil, reject("secret %q: %w", ref, err)
	}
	defer func() { _ = root.Close() }()
	f, err := root.Open(ref)
	if err != nil {
		return nil, reject("secret %q: this node does not have it", ref)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err != nil || !info.Mode().IsRegular():
		return nil, reject("secret %q: not a regular file", ref)
	case info.Mode().Perm()&0o007 != 0:
		return nil, reject("secret %q: every user of the node may read it: chmod o= its file", ref)
	case info.Size() > maxSecret:
		return nil, reject("secret %q: larger than %d bytes", ref, maxSecret)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecret))
	if err != nil {
		return nil, fmt.Errorf("secret %q: %w", ref, err)
	}
	return data, nil
}

// secretEnv is the part of the environment that comes from secrets; a line
// break at the end of a file does not belong to its value.
func (n *node) secretEnv(t *api.Task) (map[string]string, error) {
	env := map[string]string{}
	for _, s := range t.Secrets {
		value, err := n.secret(s.Ref)
		if err != nil {
			return nil, err
		}
		if s.Env != "" {
			env[s.Env] = strings.TrimRight(string(value), "\r\n")
		}
	}
	return env, nil
}

// secretFiles writes the secrets that the task wants as files.
func (n *node) secretFiles(dir string, t *api.Task) error {
	if !wantsSecretFiles(t) {
		return nil
	}
	base := filepath.Join(dir, secretsName)
	if err := os.Mkdir(base, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(base)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for _, s := range t.Secrets {
		if s.File == "" {
			continue
		}
		if err := n.secretFile(root, s); err != nil {
			return fmt.Errorf("secret %q: %w", s.Ref, err)
		}
	}
	return nil
}

func (n *node) secretFile(root *os.Root, s api.Secret) error {
	value, err := n.secret(s.Ref)
	if err != nil {
		return err
	}
	if !filepath.IsLocal(s.File) {
		return reject("the file %q leaves the directory of secrets", s.File)
	}
	if err := root.MkdirAll(filepath.Dir(s.File), 0o755); err != nil {
		return reject("%w", err)
	}
	f, err := root.OpenFile(s.File, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o444)
	if err != nil {
		return reject("%w", err)
	}
	_, err = f.Write(value)
	return errors.Join(err, f.Close())
}

func wantsSecretFiles(t *api.Task) bool {
	for _, s := range t.Secrets {
		if s.File != "" {
			return true
		}
	}
	return false
}
