package history

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"drover.dev/internal/artifact"
)

// artifacts reads every artifact and compares it with its name.
func (v *verifier) artifacts(ctx context.Context) error {
	dir := filepath.Join(v.dir.Path, "artifacts")
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if e.IsDir() && p == "tmp" {
			return fs.SkipDir
		}
		want, err := artifact.Parse("sha256:" + path.Base(p))
		if err != nil || e.IsDir() {
			return nil //nolint:nilerr // not an artifact
		}
		got, err := digest(root, p)
		if err != nil || got != want.Hex() {
			what := fmt.Sprintf("artifact %s has other bytes: their digest is sha256:%s", want, got)
			if err != nil {
				what = fmt.Sprintf("artifact %s cannot be read: %v", want, err)
			}
			v.fault(what, filepath.Join(dir, p), 0, "remove the file and upload the same bytes again (drover apply does for programs and inputs)")
			return nil
		}
		v.verdict.Artifacts++
		v.options.Progress("artifacts", int64(v.verdict.Artifacts), 0)
		return nil
	})
}

func digest(root *os.Root, p string) (string, error) {
	f, err := root.Open(p)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
