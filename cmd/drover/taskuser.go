package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"drover.dev/internal/driver/process"
)

const (
	taskUserHelp = "whom process tasks run as, by numbers (default: the user of this process); needs root"
	rootWarning  = "process tasks run as root and can read all that root can; give them a user of their own with --task-user UID:GID"
)

// taskUser is the flag that says whom process tasks run as.
type taskUser struct{ user *process.User }

func (u *taskUser) Type() string { return "UID:GID" }

func (u *taskUser) String() string {
	if u.user == nil {
		return ""
	}
	return fmt.Sprintf("%d:%d", u.user.UID, u.user.GID)
}

// Set reads UID:GID. Root is refused: the flag is there to take rights away.
func (u *taskUser) Set(text string) error {
	uid, gid, _ := strings.Cut(text, ":")
	var ids [2]int
	for i, s := range []string{uid, gid} {
		n, err := strconv.ParseUint(s, 10, 31)
		if err != nil {
			return errors.New("write two numbers, for example 65534:65534; id -u NAME and id -g NAME print them")
		}
		ids[i] = int(n)
	}
	if ids[0] == 0 || ids[1] == 0 {
		return errors.New("0 is root: name a user and a group that own nothing")
	}
	u.user = &process.User{UID: ids[0], GID: ids[1]}
	return nil
}

// check refuses what only root can do.
func (u *taskUser) check() error {
	if u.user != nil && os.Geteuid() != 0 {
		return usageError{errors.New("--task-user needs root"), "run it as root, or leave the flag away: tasks then run as you"}
	}
	return nil
}

// asRoot says that tasks would run as root.
func (u *taskUser) asRoot() bool { return u.user == nil && os.Geteuid() == 0 }
