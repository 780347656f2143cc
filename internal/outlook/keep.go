package outlook

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/fxamacker/cbor/v2"
)

// A file holds one track: a line with its version, the SHA-256 of what follows, and that
// in CBOR. It is replaced as a whole.
const (
	fileHead   = "drover outlook 1\n"
	fileSuffix = ".fit"
	maxFile    = 4 << 20
)

var errDamaged = errors.New("the file of a fitted model is damaged, or of another version")

func (o *Outlook) path(k key) string {
	sum := sha256.Sum256([]byte(k.view + "\n" + k.name))
	return filepath.Join(o.cfg.Dir, hex.EncodeToString(sum[:12])+fileSuffix)
}

func encode(t *track) ([]byte, error) {
	body, err := cbor.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("encode a fitted model: %w", err)
	}
	sum := sha256.Sum256(body)
	return slices.Concat([]byte(fileHead), sum[:], body), nil
}

func decode(data []byte) (*track, error) {
	rest, ok := bytes.CutPrefix(data, []byte(fileHead))
	if !ok || len(rest) < sha256.Size {
		return nil, errDamaged
	}
	body := rest[sha256.Size:]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], rest[:sha256.Size]) {
		return nil, errDamaged
	}
	t := &track{}
	if err := cbor.Unmarshal(body, t); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return t, nil
}

// keep replaces the file of a track. It need not be synced: the sum tells a torn one.
func (o *Outlook) keep(t *track, data []byte) error {
	path := o.path(key{t.Name, t.View})
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// load reads all files of the folder.
func (o *Outlook) load() error {
	entries, err := os.ReadDir(o.cfg.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(o.cfg.Dir, e.Name())
		if filepath.Ext(path) != fileSuffix {
			continue
		}
		t, err := o.read(path)
		if err != nil {
			o.counts.Damaged++
			o.cfg.Log.Warn("a fitted model is fitted anew", "file", path, "error", err)
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("remove a damaged file: %w", err)
			}
			continue
		}
		o.tracks[key{t.Name, t.View}] = t
	}
	return nil
}

// read reads one file and checks that it can be used.
func (o *Outlook) read(path string) (*track, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, errDamaged
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	t, err := decode(data)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(o.cfg.Views, func(v View) bool { return v.Name == t.View })
	if i < 0 || o.path(key{t.Name, t.View}) != path || !slices.Contains(o.cfg.Views[i].Models, t.Model) {
		return nil, errDamaged
	}
	t.view = o.cfg.Views[i]
	for _, list := range [][]issued{t.Now, t.Past} {
		for j := range list {
			if !list[j].sound(t.view.Horizon) {
				return nil, errDamaged
			}
		}
	}
	if t.Marks == nil {
		t.Marks = map[string]mark{}
	}
	return t, nil
}
