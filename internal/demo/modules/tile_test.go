package modules_test

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"testing"

	"drover.dev/internal/demo/modules"
	"github.com/tetratelabs/wazero"
)

// renderTile runs tile.wasm and returns /out/tile.ppm.
func renderTile(t *testing.T, index, count, width, height int) string {
	t.Helper()
	k := newTask(t, nil)
	k.args = []string{strconv.Itoa(index), strconv.Itoa(count), strconv.Itoa(width), strconv.Itoa(height)}
	return k.run(t, modules.Tile).wantOK(t).output(t, "tile.ppm")
}

func TestTileHeaderAndSize(t *testing.T) {
	cases := []struct{ index, count, width, height, tileWidth, tileHeight int }{
		{0, 64, 128, 128, 16, 16},
		{63, 64, 128, 128, 16, 16},
		{0, 1, 17, 9, 17, 9},
		{2, 7, 30, 4, 4, 4},  // 7 is prime: one row of seven; 30*2/7=8 .. 30*3/7=12
		{3, 7, 30, 4, 5, 4},  // 12 .. 17
		{5, 6, 10, 11, 4, 6}, // 3 columns, 2 rows: the rest goes to the last
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%d of %d in %dx%d", c.index, c.count, c.width, c.height), func(t *testing.T) {
			ppm := renderTile(t, c.index, c.count, c.width, c.height)
			head := fmt.Sprintf("P6\n# drover tile %d of %d in %dx%d\n%d %d\n255\n",
				c.index, c.count, c.width, c.height, c.tileWidth, c.tileHeight)
			if len(ppm) != len(head)+3*c.tileWidth*c.tileHeight || ppm[:len(head)] != head {
				t.Errorf("%d bytes that begin with %q, want %q and the pixels", len(ppm), ppm[:min(len(ppm), len(head))], head)
			}
		})
	}
}

func TestTileBytesAreTheSameEverywhere(t *testing.T) {
	// Recorded once on amd64; any processor and engine must agree.
	const want = "2049f663ad6663643871ffb3f169eeff79373ea5a8dcad9a72c0a64a0f6cd0ac"
	interpreter, err := newEngine(wazero.NewRuntimeConfigInterpreter())
	if err != nil {
		t.Fatal(err)
	}
	defer interpreter.runtime.Close(t.Context())
	k := newTask(t, nil)
	k.args = []string{"5", "16", "96", "96"}
	k.runOn(t, interpreter, modules.Tile, func() ([]byte, error) { return modules.Get(modules.Tile) }).wantOK(t)
	compiled, interpreted := renderTile(t, 5, 16, 96, 96), k.output(t, "tile.ppm")
	if compiled != interpreted {
		t.Error("compiler and interpreter disagree")
	}
	if got := fmt.Sprintf("%x", sha256.Sum256([]byte(compiled))); got != want {
		t.Errorf("digest %s, want %s: rebuild changed the picture, or this processor computes differently", got, want)
	}
}

func TestTileShowsSomething(t *testing.T) {
	pixels := []byte(renderTile(t, 0, 1, 64, 64))
	colours := map[[3]byte]bool{}
	for p := pixels[len(pixels)-64*64*3:]; len(p) > 0; p = p[3:] {
		colours[[3]byte(p)] = true
	}
	if len(colours) < 2000 {
		t.Errorf("%d colours in 4096 pixels, want a picture", len(colours))
	}
}

func TestTileIndexFromEnvironment(t *testing.T) {
	want := renderTile(t, 3, 4, 16, 16)
	k := newTask(t, nil)
	k.args, k.env = []string{"-", "4", "16", "16"}, map[string]string{"DROVER_INDEX": "3"}
	if got := k.run(t, modules.Tile).wantOK(t).output(t, "tile.ppm"); got != want {
		t.Error("the tile of DROVER_INDEX=3 differs from that of argument 3")
	}
}

func TestTileRefusesBadArguments(t *testing.T) {
	cases := map[string]struct {
		args []string
		env  string
		want string
	}{
		"no index":              {nil, "", "no tile index"},
		"no index behind dash":  {[]string{"-"}, "", "DROVER_INDEX"},
		"index from env":        {nil, "x7", `index "x7"`},
		"index too large":       {[]string{"64"}, "", `"64" is not a number between 0 and 63`},
		"negative index":        {[]string{"-1", "64"}, "", `index "-1"`},
		"count of millions":     {[]string{"0", "10000000"}, "", "between 1 and 4096"},
		"number overflows":      {[]string{"99999999999999999999"}, "", "is not a number"},
		"width without height":  {[]string{"0", "1", "64"}, "", "usage"},
		"too many arguments":    {[]string{"0", "1", "64", "64", "64"}, "", "usage"},
		"no width":              {[]string{"0", "1", "0", "64"}, "", `width "0"`},
		"huge height":           {[]string{"0", "1", "64", "20000"}, "", `height "20000"`},
		"more tiles than width": {[]string{"0", "64", "4", "64"}, "", "more tiles than pixels"},
		"one giant tile":        {[]string{"0", "1", "16384", "16384"}, "", "64 MiB"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			k := newTask(t, nil)
			k.args = c.args
			if c.env != "" {
				k.env = map[string]string{"DROVER_INDEX": c.env}
			}
			k.run(t, modules.Tile).wantRefusal(t, 64, "tile: ", c.want)
		})
	}
}

// BenchmarkTile renders the tile in the middle of the default image, the heaviest kind.
func BenchmarkTile(b *testing.B) {
	for _, index := range []int{0, 19, 28, 37, 63} {
		b.Run(strconv.Itoa(index), func(b *testing.B) {
			benchmarkModule(b, modules.Tile, strconv.Itoa(index))
		})
	}
}
