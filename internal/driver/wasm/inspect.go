package wasm

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// ErrNotModule says that a file is not a WebAssembly core module.
var ErrNotModule = errors.New("not a WebAssembly module")

// An ImportError names the imports of a module that Drover does not offer.
type ImportError struct{ Missing []string }

func (e *ImportError) Error() string {
	const most = 10
	names, more := e.Missing, ""
	if len(names) > most {
		names, more = names[:most], fmt.Sprintf(" and %d more", len(e.Missing)-most)
	}
	return fmt.Sprintf("the module needs imports that are not offered (only functions of %s are): %.1000s%s",
		wasi, strings.Join(names, ", "), more)
}

// Module is what a module says of itself, without being compiled.
type Module struct {
	Size    int64    // bytes
	Imports []string // "module.name", in the order of the file
	Exports []string // names of exported functions
	// MinPages and MaxPages bound the memory, in pages of 64 KiB. MaxPages is
	// 65536 where the module sets no bound.
	MinPages, MaxPages uint32
	// TableEntries is how many entries its tables have at the start.
	TableEntries uint64
}

const (
	// PageSize is the unit of a module's memory in bytes.
	PageSize = 64 << 10
	// MaxModule is the largest module in bytes: 256 MiB.
	MaxModule = 256 << 20

	maxPages   = 1 << 16
	maxName    = 1 << 16
	maxEntries = 1 << 20 // of one section; wazero's own limits are lower
)

// Inspect reads what a module says of itself. It does not check the code. The
// errors are ErrNotModule for anything else than a module, and *ImportError
// for one that needs what a guest does not get.
func Inspect(path string) (Module, error) {
	f, err := os.Open(path)
	if err != nil {
		return Module{}, fmt.Errorf("inspect module: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Module{}, fmt.Errorf("inspect module: %w", err)
	}
	m, err := inspect(f, info.Size())
	if err != nil {
		return m, fmt.Errorf("inspect module: %w", err)
	}
	return m, nil
}

func inspect(r io.Reader, size int64) (Module, error) {
	m := Module{Size: size}
	if size > MaxModule {
		return m, fmt.Errorf("%d bytes are more than the limit of %d", size, MaxModule)
	}
	p := &parser{r: bufio.NewReader(io.LimitReader(r, size))}
	if err := p.header(); err != nil {
		return m, err
	}
	if err := p.sections(&m); err != nil {
		return m, fmt.Errorf("%w: %w", ErrNotModule, err)
	}
	if missing := p.missing; len(missing) > 0 {
		return m, &ImportError{Missing: missing}
	}
	return m, nil
}

// parser reads the binary format of WebAssembly 2.0 (W3C, chapter 5) as far as
// needed. Every length is checked before it is believed, and the time and
// memory it takes are proportional to the bytes it reads.
type parser struct {
	r       *bufio.Reader
	left    int64 // bytes of the present section
	seen    [256]bool
	missing []string
}

func (p *parser) header() error {
	var h [8]byte
	if _, err := io.ReadFull(p.r, h[:]); err != nil || string(h[:4]) != "\x00asm" {
		return fmt.Errorf("%w: it does not begin with \\0asm", ErrNotModule)
	}
	switch v := binary.LittleEndian.Uint32(h[4:]); v {
	case 1:
		return nil
	case 0x1000d:
		return fmt.Errorf("%w but a component; build it for wasip1 (WASI preview 1)", ErrNotModule)
	default:
		return fmt.Errorf("%w of version 1 but of %d", ErrNotModule, v)
	}
}

// The ids of the sections that matter here.
const (
	importSection = 2
	tableSection  = 4
	memorySection = 5
	exportSection = 7
)

func (p *parser) sections(m *Module) error {
	for {
		id, err := p.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		p.left = 5 // the longest number
		size, err := p.u32()
		if err != nil {
			return err
		}
		p.left = int64(size)
		if err := p.section(id, m); err != nil {
			return fmt.Errorf("section %d: %w", id, err)
		}
		if _, err := p.r.Discard(int(p.left)); err != nil {
			return fmt.Errorf("section %d: %w", id, unexpected(err))
		}
	}
}

func (p *parser) section(id byte, m *Module) error {
	var each func(*Module) error
	switch id {
	case importSection:
		each = p.imported
	case tableSection:
		each = p.table
	case memorySection:
		each = p.memory
	case exportSection:
		each = p.exported
	default:
		return nil
	}
	if p.seen[id] {
		return errors.New("it comes twice")
	}
	p.seen[id] = true
	n, err := p.u32()
	if err != nil || n > maxEntries {
		return errors.Join(err, fmt.Errorf("%d entries", n))
	}
	for range n {
		if err := each(m); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) imported(m *Module) error {
	module, err1 := p.name()
	field, err2 := p.name()
	kind, err3 := p.byte()
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	full := module + "." + field
	m.Imports = append(m.Imports, full)
	if kind != 0 || module != wasi || !slices.Contains(functions(), field) {
		p.missing = append(p.missing, full)
	}
	return p.importType(kind)
}

func (p *parser) importType(kind byte) error {
	switch kind {
	case 0: // a function of a type
		_, err := p.u32()
		return err
	case 1:
		return p.table(&Module{})
	case 2:
		return p.memory(&Module{})
	case 3: // a global: its type and whether it changes
		_, err1 := p.byte()
		_, err2 := p.byte()
		return errors.Join(err1, err2)
	}
	return fmt.Errorf("an import of kind %d", kind)
}

func (p *parser) table(m *Module) error {
	if _, err := p.byte(); err != nil { // what the table refers to
		return err
	}
	low, _, err := p.limits()
	m.TableEntries += uint64(low)
	return err
}

func (p *parser) memory(m *Module) error {
	low, high, err := p.limits()
	if err != nil {
		return err
	}
	if low > maxPages || high > maxPages {
		return fmt.Errorf("a memory of %d to %d pages; WebAssembly has at most %d", low, high, maxPages)
	}
	m.MinPages, m.MaxPages = low, high
	return nil
}

func (p *parser) limits() (low, high uint32, err error) {
	flag, err := p.byte()
	if err != nil || flag > 3 {
		return 0, 0, errors.Join(err, fmt.Errorf("limits of kind %d", flag))
	}
	if low, err = p.u32(); err != nil || flag&1 == 0 {
		return low, maxPages, err
	}
	high, err = p.u32()
	return low, high, err
}

func (p *parser) exported(m *Module) error {
	name, err1 := p.name()
	kind, err2 := p.byte()
	_, err3 := p.u32()
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	if kind == 0 {
		m.Exports = append(m.Exports, name)
	}
	return nil
}

func (p *parser) name() (string, error) {
	n, err := p.u32()
	if err != nil || n > maxName {
		return "", errors.Join(err, fmt.Errorf("a name of %d bytes", n))
	}
	if p.left -= int64(n); p.left < 0 {
		return "", io.ErrUnexpectedEOF
	}
	b := make([]byte, n)
	_, err = io.ReadFull(p.r, b)
	return strings.ToValidUTF8(string(b), "\uFFFD"), unexpected(err)
}

// byte reads one byte of the present section.
func (p *parser) byte() (byte, error) {
	if p.left--; p.left < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	b, err := p.r.ReadByte()
	return b, unexpected(err)
}

// u32 reads LEB128 of at most 32 bits.
func (p *parser) u32() (v uint32, err error) {
	for shift := 0; shift < 35; shift += 7 {
		b, err := p.byte()
		if err != nil {
			return 0, err
		}
		if shift == 28 && b > 0x0f {
			return 0, errors.New("a number beyond 32 bits")
		}
		v |= uint32(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, errors.New("a number of more than five bytes")
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
