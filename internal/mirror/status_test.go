package mirror

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadStatusOfWhatIsNone(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadStatus(dir); !errors.Is(err, ErrNone) {
		t.Errorf("an empty directory: %v", err)
	}
	path := filepath.Join(dir, statusName)
	if err := os.WriteFile(path, []byte(`{"record": 12,`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := ReadStatus(dir)
	if err == nil || s.Record != 0 || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "drover twin sync") {
		t.Errorf("a damaged file: %+v, %v", s, err)
	}
}
