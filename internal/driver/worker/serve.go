package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/tree"
	"golang.org/x/sys/unix"
)

// Kind is one way to be a worker.
type Kind struct {
	// Name follows "worker" on the command line.
	Name string
	// Main does all the work and gives the exit code of the process. args are
	// the words after Name.
	Main func(args []string) int
}

// Main turns this process into a worker when its command line says so, and
// then never returns. It must be called first thing in main, and first thing
// in TestMain of a test that uses a driver.
func Main(kinds ...Kind) {
	if len(os.Args) < 3 || os.Args[1] != "worker" {
		return
	}
	for _, k := range kinds {
		if k.Name == os.Args[2] {
			os.Exit(k.Main(os.Args[3:]))
		}
	}
	fmt.Fprintf(os.Stderr, "drover: no worker of kind %.40q in this binary\n", os.Args[2])
	os.Exit(2)
}

// A Runner runs the one task of a worker. Started, Ended and Wall of the Exit
// are filled in by Serve.
type Runner interface {
	Run(t *Task) driver.Exit
}

// Task is a task as its worker sees it.
type Task struct {
	driver.Spec
	// Tree is where the task's processes belong; limits are not set yet.
	Tree *tree.Tree
	// Wake tells that Order may have changed.
	Wake <-chan os.Signal

	birth birth
}

// Order is what a task is to do now.
type Order struct {
	Stop  bool
	Grace time.Duration // between SIGTERM and SIGKILL
	Left  time.Duration // of Limits.Wall; at most 0 when it has run out
}

// Order reads what the agent wishes. It costs three system calls and may be
// called several times a second. A task whose directory was removed is to
// stop: nobody can ever adopt it.
func (t *Task) Order() Order {
	o := Order{Left: left(t.Dir, t.Limits.Wall, t.birth.Mono)}
	var s stop
	if readJSON(t.Dir, stopName, &s) == nil {
		o.Stop, o.Grace = true, s.Grace
	}
	if _, err := os.Lstat(runPath(t.Dir, birthName)); errors.Is(err, fs.ErrNotExist) {
		o.Stop, o.Grace = true, 0
	}
	if t.Lease != "" && leaseOver(t.Lease) {
		o.Stop, o.Grace = true, 0
	}
	return o
}

// leaseOver reads a lease: see Spec.Lease.
func leaseOver(path string) bool {
	b, err := os.ReadFile(path)
	if err != nil {
		return true
	}
	until, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	var now unix.Timespec
	return err != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil || now.Nano() >= until
}

// SetSession records the session that the task leads, by which its processes
// are found when there are no control groups and the worker is killed.
func (t *Task) SetSession(pid int) error {
	s, err := tree.ReadStat(pid)
	if err != nil {
		return err
	}
	t.Tree.Session = tree.Process{PID: pid, Start: s.Start}
	return writeJSON(t.Dir, birthName, t.birth, false)
}

// config is what a pool tells a worker before there is a task.
type config struct {
	Parent tree.Parent     `json:"parent"`
	Kind   json.RawMessage `json:"kind,omitempty"`
}

// conn is the socket of a worker: stdin, stdout and stderr come before it.
const conn = 3

// Serve is the Main of a kind: it prepares a Runner, which may take its time,
// waits for one task, runs it and leaves its status. prepare gets the Config
// of the pool's Options and the tree that the task will have.
func Serve(args []string, prepare func(config json.RawMessage, t *tree.Tree) (Runner, error)) int {
	// An idle worker should be small, and a task's memory is not on this heap.
	debug.SetGCPercent(50)
	debug.SetMemoryLimit(64 << 20)
	closeInherited()
	unix.CloseOnExec(conn)
	socket := os.NewFile(conn, "assignment")
	if len(args) != 1 || socket == nil {
		fmt.Fprintln(os.Stderr, "drover: workers are started by an agent, not by hand")
		return 2
	}
	s, err := newServer(args[0], prepare)
	if err != nil {
		fmt.Fprintln(os.Stderr, "drover: prepare worker:", err)
		return 1
	}
	var spec driver.Spec
	if err := Receive(socket, maxSpec, &spec); err != nil {
		s.discard()
		return 0 // the agent is gone, or needs this worker no more
	}
	return s.serve(socket, spec)
}

// closeInherited closes what whoever started the agent left open in it: a
// worker that outlives the agent must not keep a stranger's pipe from ending.
// What this process opened itself is marked close-on-exec, so what is not came
// from outside.
func closeInherited() {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= conn {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			_ = unix.Close(fd)
		}
	}
}

// maxSpec bounds a Spec as JSON; arguments and environment of a process are
// bounded by the kernel far below it.
const maxSpec = 16 << 20

type server struct {
	self   tree.Process
	tree   *tree.Tree
	runner Runner
}

func newServer(arg string, prepare func(json.RawMessage, *tree.Tree) (Runner, error)) (*server, error) {
	var c config
	if err := json.Unmarshal([]byte(arg), &c); err != nil {
		return nil, err
	}
	self, err := tree.Self()
	if err != nil {
		return nil, err
	}
	t := c.Parent.New(treeName(self), self)
	r, err := prepare(c.Kind, t)
	return &server{self: self, tree: t, runner: r}, err
}

// treeName is known to worker and agent alike.
func treeName(p tree.Process) string {
	return "w" + strconv.Itoa(p.PID) + "-" + strconv.FormatUint(p.Start, 10)
}

func (s *server) discard() {
	// The kernel refuses while this process is in it; then the agent removes it.
	for _, dir := range s.tree.Dirs() {
		_ = os.Remove(dir)
	}
}

func (s *server) serve(socket *os.File, spec driver.Spec) int {
	wake := make(chan os.Signal, 1)
	signal.Notify(wake, unix.SIGTERM)
	task := &Task{Spec: spec, Tree: s.tree, Wake: wake}
	held, err := s.begin(task)
	answer(socket, err)
	if err != nil {
		s.discard()
		return 1
	}
	defer held.Close()

	e := s.runner.Run(task)
	e.Wall = monotonic() - task.birth.Mono
	e.Started, e.Ended = task.birth.Started, task.birth.Started+int64(e.Wall)
	if err := writeJSON(spec.Dir, statusName, e, true); err != nil {
		fmt.Fprintln(os.Stderr, "drover: write status:", err)
		return 1
	}
	return 0
}

// begin makes the task findable, or refuses it.
func (s *server) begin(t *Task) (*os.File, error) {
	held, err := lock(t.Dir, time.Second)
	if err != nil {
		return nil, err
	}
	if err := s.enter(t); err != nil {
		return nil, errors.Join(err, held.Close())
	}
	return held, nil
}

func (s *server) enter(t *Task) error {
	if _, err := os.Lstat(runPath(t.Dir, refusedName)); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("task directory %s was given up", t.Dir)
	}
	if _, err := os.Lstat(runPath(t.Dir, birthName)); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("task directory %s was used before", t.Dir)
	}
	if err := redirectStderr(t.Dir); err != nil {
		return err
	}
	t.birth = birth{
		Identity: driver.Identity{PID: s.self.PID, StartTime: s.self.Start, Boot: bootID(), Lock: runPath(t.Dir, lockName)},
		Tree:     t.Tree, Started: time.Now().UnixNano(), Mono: monotonic(), Wall: t.Limits.Wall,
	}
	return writeJSON(t.Dir, birthName, t.birth, false)
}

func redirectStderr(dir string) error {
	f, err := os.OpenFile(runPath(dir, stderrName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Dup3(int(f.Fd()), 2, 0)
}

// reply is the worker's answer to a Spec.
type reply struct {
	Error string `json:"error,omitempty"`
}

func answer(socket *os.File, err error) {
	var r reply
	if err != nil {
		r.Error = err.Error()
	}
	// When the agent is gone its successor finds the task by its files.
	_ = Send(socket, r)
	_ = socket.Close()
}
