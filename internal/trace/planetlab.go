package trace

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"drover.dev/api"
)

// planetlab is a day of PlanetLab's virtual machines as the CoMon project measured
// it (Park and Pai, 2006): an archive with a file a machine, each line the use of
// its CPU in percent over five minutes. The files say nothing else, so that every
// machine has one core and begins at the start.
var planetlab = Format{
	Name: "planetlab", Doc: "PlanetLab's days: a tar archive, a file a machine, its CPU use in percent every 5 minutes",
	detect: func(string) bool { return false }, // the archive is recognised by its bytes
	open: func(l *lines) (Reader, error) {
		return nil, errors.New("it is a tar archive, compressed or not, and this is none")
	},
}

const planetlabStep = 5 * api.Minute

// isTar looks at the magic of a POSIX archive's first header.
func isTar(b *bufio.Reader) bool {
	const at = 257
	head, _ := b.Peek(at + 5) // a shorter text is no archive
	return len(head) == at+5 && string(head[at:]) == "ustar"
}

type planetlabReader struct{ *tar.Reader }

func (p planetlabReader) Next() (Row, error) {
	for {
		h, err := p.Reader.Next()
		switch {
		case errors.Is(err, io.EOF):
			return Row{}, io.EOF
		case err != nil:
			return Row{}, fmt.Errorf("read the archive: %w", err)
		case h.Typeflag == tar.TypeReg:
			return planetlabRow(path.Base(h.Name), p.Reader)
		}
	}
}

// planetlabRow reads a machine's file. All of it is read before a fault is told,
// since the archive goes on behind it.
func planetlabRow(name string, file io.Reader) (Row, error) {
	l := newLines(file)
	r := Row{ID: name, Count: 1, Each: api.Resources{CPU: 1000}, Step: planetlabStep}
	var fault error
	for {
		line, err := l.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Row{}, err
		}
		percent, err := wholePercent(line)
		switch {
		case fault != nil:
		case err != nil:
			fault = l.fault("of %s: %v", name, err)
		case len(r.Use) == maxUse:
			fault = l.fault("of %s: it has more than %d samples", name, maxUse)
		default:
			r.Use = append(r.Use, api.Milli(percent*10))
		}
	}
	if fault == nil && len(r.Use) == 0 {
		fault = l.fault("%s is empty", name)
	}
	r.Run = api.Duration(len(r.Use)) * planetlabStep
	return r, fault
}

func wholePercent(line string) (int, error) {
	v, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || v < 0 || v > 100 {
		return 0, fmt.Errorf("%.40q is no whole percentage", line)
	}
	return v, nil
}

// PlanetLab reads the machines of an archive with the paths of their files.
func PlanetLab(r io.Reader) (paths []string, rows []Row, err error) {
	plain, err := gunzip(r)
	if err != nil {
		return nil, nil, err
	}
	archive := tar.NewReader(plain)
	for {
		h, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF) && len(rows) == 0:
			return nil, nil, errors.New("the archive holds no machine")
		case errors.Is(err, io.EOF):
			return paths, rows, nil
		case err != nil:
			return nil, nil, fmt.Errorf("read the archive: %w", err)
		case len(rows) == maxMachines:
			return nil, nil, fmt.Errorf("the archive holds more than %d machines", maxMachines)
		case h.Typeflag != tar.TypeReg:
			continue
		}
		row, err := planetlabRow(path.Base(h.Name), archive)
		if err != nil {
			return nil, nil, err
		}
		paths, rows = append(paths, h.Name), append(rows, row)
	}
}

const maxMachines = 100_000
