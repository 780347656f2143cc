package modules_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"drover.dev/internal/demo/modules"
	"pgregory.net/rapid"
)

// tilePath is where join.wasm looks for a tile.
func tilePath(index int) string { return fmt.Sprintf("%d/tile.ppm", index) }

// decode reads the PNG strictly: Go checks every CRC and the Adler sum.
func decode(t interface{ Fatalf(string, ...any) }, data string) image.Image {
	img, err := png.Decode(strings.NewReader(data))
	if err != nil {
		t.Fatalf("image.png does not decode: %v", err)
	}
	return img
}

// tileRect says independently of the C code which pixels a tile covers.
func tileRect(index, columns, rows, width, height int) image.Rectangle {
	c, r := index%columns, index/columns
	return image.Rect(width*c/columns, height*r/rows, width*(c+1)/columns, height*(r+1)/rows)
}

// cutTile makes a tile file from a part of a picture.
func cutTile(index, count int, rect image.Rectangle, width, height int, at func(x, y int) color.NRGBA) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "P6\n# drover tile %d of %d in %dx%d\n%d %d\n255\n", index, count, width, height, rect.Dx(), rect.Dy())
	for y := rect.Min.Y; y < rect.Max.Y; y++ {
		for x := rect.Min.X; x < rect.Max.X; x++ {
			c := at(x, y)
			b.Write([]byte{c.R, c.G, c.B})
		}
	}
	return b.String()
}

// pictures are content that pulls the compressor in different directions.
var pictures = map[string]func(seed uint64) func(x, y int) color.NRGBA{
	"flat": func(seed uint64) func(x, y int) color.NRGBA {
		return func(x, y int) color.NRGBA { return color.NRGBA{uint8(seed), 7, 9, 255} }
	},
	"gradient": func(seed uint64) func(x, y int) color.NRGBA {
		return func(x, y int) color.NRGBA { return color.NRGBA{uint8(x), uint8(y), uint8(x + y + int(seed)), 255} }
	},
	"noise": func(seed uint64) func(x, y int) color.NRGBA {
		return func(x, y int) color.NRGBA {
			v := rand.New(rand.NewPCG(seed, uint64(x)<<32|uint64(y))).Uint32()
			return color.NRGBA{uint8(v), uint8(v >> 8), uint8(v >> 16), 255}
		}
	},
	"repeats": func(seed uint64) func(x, y int) color.NRGBA {
		return func(x, y int) color.NRGBA {
			v := uint8((x*7919 ^ (y%5)*104729) >> (seed % 9))
			return color.NRGBA{v, v ^ 0x5A, v >> 3, 255}
		}
	},
}

// TestJoinGivesBackEveryPixel: for any picture and any cut, the PNG holds exactly the pixels of the tiles.
func TestJoinGivesBackEveryPixel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		columns, rows := rapid.IntRange(1, 4).Draw(r, "columns"), 1
		if columns > 1 {
			rows = rapid.IntRange(columns-1, columns).Draw(r, "rows") // what the module would choose too
		}
		width, height := rapid.IntRange(columns, 200).Draw(r, "width"), rapid.IntRange(rows, 200).Draw(r, "height")
		name := rapid.SampledFrom([]string{"flat", "gradient", "noise", "repeats"}).Draw(r, "picture")
		at := pictures[name](rapid.Uint64().Draw(r, "seed"))
		k := newTask(t, nil)
		for i := range columns * rows {
			k.put(t, tilePath(i), cutTile(i, columns*rows, tileRect(i, columns, rows, width, height), width, height, at))
		}
		k.args = []string{strconv.Itoa(columns * rows)}
		img := decode(r, k.run(t, modules.Join).wantOK(t).output(t, "image.png"))
		if img.Bounds() != image.Rect(0, 0, width, height) {
			r.Fatalf("image is %v, want %dx%d", img.Bounds(), width, height)
		}
		for y := range height {
			for x := range width {
				if got := color.NRGBAModel.Convert(img.At(x, y)); got != at(x, y) {
					r.Fatalf("pixel %d,%d is %v, want %v", x, y, got, at(x, y))
				}
			}
		}
	})
}

// TestJoinOfRenderedTiles is the demo's way: tile.wasm's files go into join.wasm unchanged.
func TestJoinOfRenderedTiles(t *testing.T) {
	const count, side = 16, 256
	k := newTask(t, nil)
	k.args = []string{strconv.Itoa(count)}
	tiles := make([]string, count)
	for i := range tiles {
		tiles[i] = renderTile(t, i, count, side, side)
		k.put(t, tilePath(i), tiles[i])
	}
	data := k.run(t, modules.Join).wantOK(t).output(t, "image.png")
	img := decode(t, data)
	for i, tile := range tiles {
		rect := tileRect(i, 4, 4, side, side)
		pixels := tile[len(tile)-rect.Dx()*rect.Dy()*3:]
		for n := 0; n < len(pixels); n += 3 {
			x, y := rect.Min.X+n/3%rect.Dx(), rect.Min.Y+n/3/rect.Dx()
			want := color.NRGBA{pixels[n], pixels[n+1], pixels[n+2], 255}
			if got := color.NRGBAModel.Convert(img.At(x, y)); got != want {
				t.Fatalf("pixel %d,%d is %v, in tile %d it is %v", x, y, got, i, want)
			}
		}
	}
	if left, err := os.ReadDir(k.out); err != nil || len(left) != 1 {
		t.Errorf("out holds %v, want image.png alone", left)
	}
	var reference bytes.Buffer
	if err := png.Encode(&reference, img); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes; Go's encoder at its default level needs %d", len(data), reference.Len())
	if float64(len(data)) > 1.05*float64(reference.Len()) {
		t.Errorf("%d bytes, more than 5 %% above the %d of Go's encoder", len(data), reference.Len())
	}
}

func TestJoinRefusesBadTiles(t *testing.T) {
	const count, width, height = 4, 8, 8
	good := func(i int) string {
		return cutTile(i, count, tileRect(i, 2, 2, width, height), width, height, pictures["gradient"](0))
	}
	replace := func(i int, old, fresh string) func(map[string]string) {
		return func(in map[string]string) { in[tilePath(i)] = strings.Replace(good(i), old, fresh, 1) }
	}
	cases := map[string]struct {
		change func(map[string]string)
		code   int
		want   string
	}{
		"a tile is missing":      {func(in map[string]string) { delete(in, tilePath(2)) }, 1, "/in/2/tile.ppm: cannot be opened"},
		"a tile is empty":        {func(in map[string]string) { in[tilePath(1)] = "" }, 2, "/in/1/tile.ppm: line 1: the file ends here"},
		"first tile is empty":    {func(in map[string]string) { in[tilePath(0)] = "" }, 2, "/in/0/tile.ppm: line 1"},
		"not a PPM":              {replace(3, "P6", "P5"), 2, `line 1: is "P5", must be "P6"`},
		"another tile's content": {func(in map[string]string) { in[tilePath(2)] = good(1) }, 2, "line 2: is \"# drover tile 1 of 4"},
		"another image":          {replace(1, "8x8", "8x9"), 2, "line 2"},
		"another size":           {replace(1, "\n4 4\n", "\n4 5\n"), 2, `line 3: is "4 5", must be "4 4"`},
		"deep colours":           {replace(1, "255", "65535"), 2, "line 4"},
		"pixels cut off":         {func(in map[string]string) { in[tilePath(1)] = good(1)[:len(good(1))-1] }, 2, "pixels end in row 3 of 4"},
		"pixels too many":        {func(in map[string]string) { in[tilePath(1)] += "x" }, 2, "more bytes than 4x4"},
		"no size":                {replace(0, "8x8", "8"), 2, "must be \"# drover tile 0 of 4 in WIDTHxHEIGHT\""},
		"absurd size":            {replace(0, "8x8", "99999x8"), 2, "/in/0/tile.ppm: line 2"},
		"smaller than its tiles": {replace(0, "8x8", "1x8"), 2, "more tiles than pixels"},
		"an endless line":        {func(in map[string]string) { in[tilePath(0)] = strings.Repeat("P", 1<<16) }, 2, "line 2"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inputs := map[string]string{}
			for i := range count {
				inputs[tilePath(i)] = good(i)
			}
			c.change(inputs)
			k := newTask(t, inputs)
			k.args = []string{strconv.Itoa(count)}
			k.run(t, modules.Join).wantRefusal(t, c.code, "join: ", c.want)
			if _, err := os.Stat(filepath.Join(k.out, "image.png")); err == nil {
				t.Error("there is an image.png all the same")
			}
		})
	}
}

func TestJoinRefusesBadArguments(t *testing.T) {
	for _, args := range [][]string{{}, {"0"}, {"-4"}, {"4097"}, {"x"}, {""}, {"4", "4"}} {
		k := newTask(t, nil)
		k.args = args
		k.run(t, modules.Join).wantRefusal(t, 64, "join: ")
	}
}
