package house

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestNothingIsLeftOfAMerge: no text of the project holds the marks that git puts where two
// changes meet. Compilers find them in code; nobody else does in documents.
func TestNothingIsLeftOfAMerge(t *testing.T) {
	texts := []string{".md", ".go", ".txt", ".yaml", ".yml", ".json", ".sh", ".csv", ".mod"}
	read := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && strings.Trim(d.Name(), ".") != "", d.IsDir() && d.Name() == "node_modules":
			return filepath.SkipDir
		case !d.Type().IsRegular() || !slices.Contains(texts, filepath.Ext(path)):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		read++
		for i, line := range bytes.Split(text, []byte("\n")) {
			if bytes.HasPrefix(line, []byte("<<<<<<"+"< ")) || bytes.HasPrefix(line, []byte(">>>>>>"+"> ")) {
				t.Errorf("%s:%d: %s", path, i+1, line)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if read < 100 {
		t.Errorf("only %d files were read", read)
	}
}
