package process

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"drover.dev/internal/driver"
	"drover.dev/internal/driver/tree"
	"drover.dev/internal/driver/worker"
	"golang.org/x/sys/unix"
)

const execKind = "exec"

// maxLaunch bounds a launch as JSON: a Spec, and a little around it.
const maxLaunch = 17 << 20

// launch is what the last step before the command needs to know.
type launch struct {
	driver.Spec
	Tree   *tree.Tree `json:"tree"`
	User   *User      `json:"user,omitempty"`
	Parent int        `json:"parent"` // pid of the worker
}

// execMain becomes the command, or tells the worker why it cannot.
func execMain([]string) int {
	// What follows is partly the property of a thread, and the thread that
	// calls execve hands it on to the command.
	runtime.LockOSThread()
	// A signal that the agent ignores, such as SIGHUP under nohup, would stay
	// ignored in the command; one that is caught is as new after execve.
	signal.Notify(make(chan os.Signal, 1))
	parent := os.NewFile(3, "worker")
	var l launch
	err := worker.Receive(parent, maxLaunch, &l)
	if err == nil {
		err = l.become()
	}
	_, _ = io.WriteString(parent, err.Error())
	return 126
}

func (l *launch) become() error {
	if err := l.enter(); err != nil {
		return err
	}
	if err := l.drop(); err != nil {
		return err
	}
	path, err := lookup(l.Command, l.Env)
	if err != nil {
		return err
	}
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil && !errors.Is(err, unix.ENOSYS) {
		return fmt.Errorf("close files: %w", err)
	}
	err = syscall.Exec(path, append([]string{l.Command}, l.Args...), l.Env)
	return fmt.Errorf("run %s: %w", path, err)
}

// enter joins the control group and makes the mounts, while it may.
func (l *launch) enter() error {
	if err := l.Tree.Join(0); err != nil {
		return err
	}
	for _, m := range l.Mounts {
		if seenAnyway(m) {
			continue
		}
		if err := l.mount(m); err != nil {
			return fmt.Errorf("mount %s at %s: %w", m.Source, m.Target, err)
		}
	}
	if err := os.Chdir(filepath.Join(l.Dir, driver.Work)); err != nil {
		return fmt.Errorf("enter the work directory: %w", err)
	}
	return nil
}

// mount binds a directory in the mount name space of this task alone. Only a
// target below the task's own directory is made when it is missing.
func (l *launch) mount(m driver.Mount) error {
	if rel, err := filepath.Rel(l.Dir, m.Target); err == nil && filepath.IsLocal(rel) {
		if err := os.MkdirAll(m.Target, 0o755); err != nil {
			return err
		}
	}
	source, err := m.Open()
	if err != nil {
		return err
	}
	defer source.Close()
	if !m.ReadOnly {
		return unix.Mount(driver.Held(source), m.Target, "", unix.MS_BIND|unix.MS_REC, "")
	}
	// Without what is mounted below it: that would stay writable.
	if err := unix.Mount(driver.Held(source), m.Target, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	return unix.Mount("", m.Target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
}

// drop gives up what the task must not have.
func (l *launch) drop() error {
	unix.Umask(0o022)
	if err := l.limit(); err != nil {
		return fmt.Errorf("limit the task: %w", err)
	}
	if u := l.User; u != nil {
		if err := errors.Join(syscall.Setgroups([]int{u.GID}), syscall.Setgid(u.GID), syscall.Setuid(u.UID)); err != nil {
			return fmt.Errorf("become user %d: %w", u.UID, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid new privileges: %w", err)
	}
	// Set again: a change of user clears it.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("tie the task to its worker: %w", err)
	}
	if os.Getppid() != l.Parent {
		return errors.New("the worker is gone")
	}
	return nil
}

// limit sets what the kernel bounds by process or user. Memory is not among
// it: RLIMIT_AS and RLIMIT_DATA count what a program reserves, and many reserve
// far more than they use. Without control groups the worker polls instead.
func (l *launch) limit() error {
	set := func(resource int, n int64) error {
		return unix.Setrlimit(resource, &unix.Rlimit{Cur: uint64(n), Max: uint64(n)})
	}
	errs := []error{set(unix.RLIMIT_CORE, 0)}
	if most := largestFile(l.Spec); most > 0 {
		errs = append(errs, set(unix.RLIMIT_FSIZE, most))
	}
	if uid := l.uid(); !l.Tree.Grouped() && uid != 0 {
		n, err := tasksOf(uid)
		errs = append(errs, err, set(unix.RLIMIT_NPROC, int64(n+l.Limits.Processes)))
	}
	return errors.Join(errs...)
}

func (l *launch) uid() int {
	if l.User != nil {
		return l.User.UID
	}
	return os.Getuid()
}

// tasksOf counts the processes and threads of a user, because RLIMIT_NPROC
// counts all of them and not those of this tree.
func tasksOf(uid int) (n int, err error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		var st unix.Stat_t
		if unix.Stat(dir, &st) != nil || int(st.Uid) != uid {
			continue
		}
		if threads, err := os.ReadDir(dir + "/task"); err == nil {
			n += len(threads)
		}
	}
	return n, err
}

// lookup finds a command as a shell would with the task's own PATH.
func lookup(command string, env []string) (string, error) {
	if strings.Contains(command, "/") {
		return command, nil
	}
	path := ""
	for _, kv := range env { // the last one counts, as in execve's readers
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = v
		}
	}
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue // a relative entry would let an input name the command
		}
		if p, err := exec.LookPath(filepath.Join(dir, command)); err == nil {
			return p, nil
		}
	}
	if path == "" {
		return "", fmt.Errorf("command %q not found: its environment has no PATH; give a path or set PATH", command)
	}
	return "", fmt.Errorf("command %q not found in the PATH of its environment; give a path or set PATH", command)
}
