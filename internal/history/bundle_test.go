package history_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drover.dev/api"
	"drover.dev/internal/engine"
	"drover.dev/internal/history"
	"drover.dev/internal/journal"
	"drover.dev/internal/state"
)

// part is a file of a bundle.
type part struct {
	name string
	data []byte
	pack uint16 // zip.Deflate or zip.Store
}

// pack makes a file of parts.
func pack(t *testing.T, parts ...part) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, p := range parts {
		w := must[io.Writer](t)(z.CreateHeader(&zip.FileHeader{Name: p.name, Method: p.pack}))
		must[int](t)(w.Write(p.data))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return file(t, b.Bytes())
}

func file(t *testing.T, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bundle.zip")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func manifest(m history.Manifest) part {
	m.Format = history.BundleFormat
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // it always can
	}
	return part{"bundle.json", b, zip.Deflate}
}

// framed are records as a bundle holds them.
func framed(records ...[]byte) part {
	var b []byte
	for _, r := range records {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(r))), r...)
	}
	return part{"records", b, zip.Deflate}
}

// sealed is a state as a snapshot.
func sealed(t *testing.T, n uint64, st *state.State) part {
	t.Helper()
	list := must[*journal.Snapshots](t)(journal.OpenSnapshots(t.TempDir(), 2))
	if err := list.Save(journal.Link{N: n}, must[[]byte](t)(journal.EncodeState(st))); err != nil {
		t.Fatal(err)
	}
	return part{"snapshot.zst", must[[]byte](t)(os.ReadFile(list.Path(n))), zip.Store}
}

// replay opens a bundle and replays all of it.
func replay(t *testing.T, path string) (history.Replayed, error) {
	t.Helper()
	temp := t.TempDir()
	b, err := history.OpenBundle(path, temp)
	if err != nil {
		if left := must[[]os.DirEntry](t)(os.ReadDir(temp)); len(left) > 0 {
			t.Errorf("%v is left behind", left)
		}
		return history.Replayed{}, err
	}
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	return b.Replay(t.Context(), 0, "test", func(history.Step) {})
}

func TestABundleIsReplayed(t *testing.T) {
	c := aCell(t, 5)
	var b bytes.Buffer
	m, err := c.source().WriteBundle(t.Context(), &b, history.BundleOptions{Cell: "c", Records: 100})
	if err != nil || m.Last != 7 {
		t.Fatalf("%+v, %v", m, err)
	}
	r, err := replay(t, file(t, b.Bytes()))
	if err != nil || r.Records != 7 || r.Audited != 7 || len(r.Divergences) != 0 || len(r.State.Workloads) != 5 {
		t.Errorf("%+v, %v", r, err)
	}
	t.Logf("%d records, %d audited, %d divergences", r.Records, r.Audited, len(r.Divergences))
}

func TestAnAnonymisedBundleIsListedUnderTheTenantOfEveryCell(t *testing.T) {
	var b bytes.Buffer
	c := aCell(t, 1)
	c.step(&engine.PutSite{Caller: engine.Caller{Principal: "test", Key: "site"}, Site: api.Site{Name: "kreuzberg", Layer: api.LayerEdge, Zone: "DE-NW"}})
	o := history.BundleOptions{Records: 100, Anonymise: true, Metrics: "drover_up 1\ndrover_waiting{tenant=\"acme\"} 1\n", Log: "kreuzberg is far"}
	if _, err := c.source().WriteBundle(t.Context(), &b, o); err != nil {
		t.Fatal(err)
	}
	z := must[*zip.Reader](t)(zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len())))
	for _, f := range z.File {
		text := must[[]byte](t)(io.ReadAll(must[io.ReadCloser](t)(f.Open())))
		for _, private := range []string{"kreuzberg", "DE-NW", "acme", "n1", "job-"} {
			if bytes.Contains(text, []byte(private)) {
				t.Errorf("%s holds %q", f.Name, private)
			}
		}
	}
	r, err := replay(t, file(t, b.Bytes()))
	if err != nil || len(r.State.Workloads) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, w := range r.State.Workloads {
		if w.Spec.Tenant != api.DefaultTenant || strings.HasPrefix(w.Spec.Name, "job") {
			t.Errorf("workload %s of tenant %s", w.Spec.Name, w.Spec.Tenant)
		}
	}
}

// TestHostileBundles opens what a stranger may send.
func TestHostileBundles(t *testing.T) {
	c := aCell(t, 3)
	good := make([][]byte, len(c.records))
	for i, e := range c.records {
		good[i] = e.Data
	}
	liar := aCell(t, 3)
	liar.record(nil, []state.Event{&state.TaskEnded{Attempt: api.Attempt{TaskRef: api.TaskRef{Workload: 1, Task: 60000, Index: 1 << 31}}}})
	broken := state.New()
	broken.Workloads[1] = &state.Workload{ID: 1} // without what it is a workload of
	zeros := func(n int) []byte { return make([]byte, n) }
	for _, k := range []struct {
		name, want string
		path       string
	}{
		{"nothing", "not a bundle", file(t, nil)},
		{"another archive", "not a bundle", pack(t, part{"readme.txt", []byte("hello"), zip.Deflate})},
		{"a bundle that is cut off", "not a bundle", file(t, must[[]byte](t)(os.ReadFile(pack(t, manifest(history.Manifest{}), framed(good...))))[:400])},
		{"a manifest that is no JSON", "bundle.json", pack(t, part{"bundle.json", []byte("{"), zip.Deflate})},
		{"a huge manifest", "more than", pack(t, part{"bundle.json", zeros(17 << 20), zip.Deflate})},
		{"a format to come", "format 99", pack(t, part{"bundle.json", []byte(`{"format":99,"version":"v9"}`), zip.Deflate})},
		{"no records", "records", pack(t, manifest(history.Manifest{}))},
		{"zeros for records", "record 1", pack(t, manifest(history.Manifest{}), part{"records", zeros(16 << 20), zip.Deflate})},
		{"a record that is too large", "at most", pack(t, manifest(history.Manifest{}), part{"records", bytes.Repeat([]byte{0xff}, 1<<20), zip.Deflate})},
		{"a record that is cut off", "cut off", pack(t, manifest(history.Manifest{}), part{"records", framed(good...).data[:300], zip.Deflate})},
		{"a record is missing", "lost", pack(t, manifest(history.Manifest{}), framed(good[0], good[2]))},
		{"a record is altered", "hash chain", pack(t, manifest(history.Manifest{}), framed(good[0], altered(good[1]), good[2]))},
		{"an event that cannot be", "fold record 6", pack(t, manifest(history.Manifest{}), framed(records(liar)...))},
		{"no snapshot", "snapshot", pack(t, manifest(history.Manifest{Base: 5}), framed())},
		{"a snapshot that unpacks to much", "not as drover packs it", pack(t, manifest(history.Manifest{Base: 5}), part{"snapshot.zst", zeros(1 << 20), zip.Deflate}, framed())},
		{"a snapshot of another record", "snapshot", pack(t, manifest(history.Manifest{Base: 5}), sealed(t, 4, state.New()), framed())},
		{"a state that cannot be", "makes no sense", pack(t, manifest(history.Manifest{Base: 5}), sealed(t, 5, broken), framed())},
	} {
		t.Run(k.name, func(t *testing.T) {
			_, err := replay(t, k.path)
			if err == nil || !strings.Contains(err.Error(), k.want) {
				t.Errorf("got %v, want something of %q", err, k.want)
			}
			t.Log(err)
		})
	}
}

// Names that lead out of a directory lead nowhere: parts are read by their own
// names, and only the snapshot is written, under a name of ours.
func TestPartsOfABundleStayWhereTheyAre(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	c := aCell(t, 1)
	path := pack(t, manifest(history.Manifest{}), framed(records(c)...),
		part{"../../../../../../../.." + outside, []byte("x"), zip.Store}, part{outside, []byte("x"), zip.Store})
	if r, err := replay(t, path); err != nil || r.Records != 3 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := os.Stat(outside); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was written there: %v", err)
	}
}

func records(c *cell) (out [][]byte) {
	for _, e := range c.records {
		out = append(out, e.Data)
	}
	return out
}

func altered(b []byte) []byte {
	r, err := journal.Decode(b)
	if err != nil {
		panic(err) // it was made here
	}
	r.Build = "altered"
	if b, err = journal.Encode(r); err != nil {
		panic(err) // as before
	}
	return b
}
