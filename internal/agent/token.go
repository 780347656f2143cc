package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A tokenFile is where an agent keeps the token by which the server knows its
// node: whoever holds it may take the node's name. It is never logged.
type tokenFile string

// maxToken bounds a token, in bytes.
const maxToken = 4 << 10

// read returns the token, or "" when the node has not joined yet.
func (f tokenFile) read() (string, error) {
	info, err := os.Stat(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err == nil && info.Size() > maxToken {
		err = fmt.Errorf("%s has %d bytes, at most %d may be", f, info.Size(), maxToken)
	}
	if err != nil {
		return "", fmt.Errorf("read the node's token: %w", err)
	}
	b, err := os.ReadFile(string(f))
	if err != nil {
		return "", fmt.Errorf("read the node's token: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// write keeps a token, whole or not at all, for its owner alone to read.
func (f tokenFile) write(token string) error {
	if len(token) > maxToken {
		return fmt.Errorf("keep the node's token: it has %d bytes, at most %d may be", len(token), maxToken)
	}
	dir := filepath.Dir(string(f))
	temp, err := os.CreateTemp(dir, ".token-") // mode 0600
	if err != nil {
		return fmt.Errorf("keep the node's token: %w", err)
	}
	_, err = temp.WriteString(token + "\n")
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), string(f))
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep the node's token: %w", err), ignoreMissing(os.Remove(temp.Name())))
	}
	return nil
}
