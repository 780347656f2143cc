package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Parent is where groups of tasks are made: beneath the group of the agent, so
// that limits which somebody set on the agent bind its tasks too. The zero
// Parent makes trees without groups. It can be written as JSON.
type Parent struct {
	V1 map[string]string `json:"v1,omitempty"`
	V2 string            `json:"v2,omitempty"`
}

// Beneath the agent's own group: that of all its tasks, and the one that the
// agent moves to.
const (
	groupName = "drover"
	agentName = "drover-agent"
)

// Detect finds out what this machine allows and makes the group of all tasks:
// version 2 with the controllers memory, cpu and pids, else version 1, else
// the zero Parent.
func Detect() Parent {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return Parent{}
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return Parent{}
	}
	groups := ownGroups(string(own))
	if dir := detectV2(string(mounts), groups[""]); dir != "" {
		return Parent{V2: dir}
	}
	return Parent{V1: detectV1(string(mounts), groups)}
}

// ownGroups reads lines "9:cpu,cpuacct:/path"; version 2 has no controller.
func ownGroups(s string) map[string]string {
	groups := map[string]string{}
	for line := range strings.Lines(s) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for _, c := range strings.Split(parts[1], ",") {
			groups[c] = parts[2]
		}
	}
	return groups
}

// mountOf finds the mount of a kind of file system that has an option.
func mountOf(mounts, kind, option string) string {
	for line := range strings.Lines(mounts) {
		f := strings.Fields(line)
		if len(f) < 4 || f[2] != kind {
			continue
		}
		if option == "" || slices.Contains(strings.Split(f[3], ","), option) {
			return f[1]
		}
	}
	return ""
}

func detectV2(mounts, own string) string {
	mount := mountOf(mounts, "cgroup2", "")
	if mount == "" {
		return ""
	}
	// Moved there by an earlier call: the group to divide is still the one above.
	dir := filepath.Join(mount, strings.TrimSuffix(own, "/"+agentName))
	have, err := read(dir, "cgroup.controllers")
	if err != nil {
		return ""
	}
	for _, c := range []string{"memory", "cpu", "pids"} {
		if !slices.Contains(strings.Fields(have), c) {
			return ""
		}
	}
	return prepareV2(dir)
}

// prepareV2 makes DIR/drover with its controllers. A group with processes of
// its own cannot give controllers to children, so the agent first moves into
// DIR/drover-agent; where others live in DIR too this fails, and the machine
// counts as one without groups. With systemd, Delegate=yes is enough.
func prepareV2(dir string) string {
	const give = "+memory +cpu +pids"
	if write(dir, "cgroup.subtree_control", give) != nil {
		leaf := filepath.Join(dir, agentName)
		if mkdir(leaf) != nil || writeInt(leaf, "cgroup.procs", 0) != nil {
			return ""
		}
		if write(dir, "cgroup.subtree_control", give) != nil {
			_ = writeInt(dir, "cgroup.procs", 0) // back to where it was
			_ = os.Remove(leaf)
			return ""
		}
	}
	group := filepath.Join(dir, groupName)
	if mkdir(group) != nil || write(group, "cgroup.subtree_control", give) != nil {
		return ""
	}
	return group
}

func detectV1(mounts string, groups map[string]string) map[string]string {
	dirs := map[string]string{}
	for _, c := range controllers() {
		mount, own := mountOf(mounts, "cgroup", c), groups[c]
		if mount == "" || own == "" {
			continue
		}
		if dir := filepath.Join(mount, own, groupName); mkdir(dir) == nil {
			dirs[c] = dir
		}
	}
	if dirs["freezer"] == "" || dirs["memory"] == "" {
		return nil
	}
	return dirs
}

// New makes a tree. name must be unique beneath the parent; worker is the
// process that will be the parent of the task. Without groups, or where
// making them fails, the tree is that of the worker's descendants.
func (p Parent) New(name string, worker Process) *Tree {
	t := &Tree{Worker: worker}
	if p.V2 != "" {
		if dir := filepath.Join(p.V2, name); mkdir(dir) == nil {
			t.V2 = dir
		}
		return t
	}
	for c, parent := range p.V1 {
		dir := filepath.Join(parent, name)
		if mkdir(dir) != nil {
			_ = t.Remove()
			return &Tree{Worker: worker}
		}
		if t.V1 == nil {
			t.V1 = map[string]string{}
		}
		t.V1[c] = dir
	}
	return t
}

// Existing gives the tree that New made under this name, without its worker.
func (p Parent) Existing(name string) *Tree {
	t := &Tree{}
	if p.V2 != "" {
		t.V2 = filepath.Join(p.V2, name)
		return t
	}
	for c, parent := range p.V1 {
		if t.V1 == nil {
			t.V1 = map[string]string{}
		}
		t.V1[c] = filepath.Join(parent, name)
	}
	return t
}

// Sweep removes the groups beneath the parent whose name live does not know
// and in which nothing runs; the kernel refuses to remove the others.
func (p Parent) Sweep(live func(name string) bool) {
	for _, dir := range append(sortedValues(p.V1), p.V2) {
		entries, err := os.ReadDir(dir)
		if dir == "" || err != nil {
			continue
		}
		for _, e := range entries {
			if e.IsDir() && !live(e.Name()) {
				_ = os.Remove(filepath.Join(dir, e.Name()))
			}
		}
	}
}

// Remove gives the groups back. The tree must be empty.
func (t *Tree) Remove() error {
	var failed []error
	for _, dir := range t.Dirs() {
		if err := poll(func() (bool, error) {
			err := os.Remove(dir)
			// A process that was reaped a moment ago may still be counted.
			return err == nil || errors.Is(err, fs.ErrNotExist), nil
		}); err != nil {
			failed = append(failed, fmt.Errorf("remove control group %s: %w", dir, err))
		}
	}
	return errors.Join(failed...)
}

// Dirs lists the group's directories, the one that holds it together first.
func (t *Tree) Dirs() []string {
	if t.V2 != "" {
		return []string{t.V2}
	}
	var dirs []string
	for _, c := range controllers() {
		if dir := t.V1[c]; dir != "" {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

func sortedValues(m map[string]string) []string {
	var out []string
	for _, v := range m {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}

func mkdir(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
