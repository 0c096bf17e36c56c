package recordings

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"pbxjail/configs/show"
)

// users are the processes that have regular files open.
type users struct {
	open   map[key]string // by file: "asterisk (process 812)"
	hidden int            // processes whose files we may not see
}

// maxOpen bounds how many open files are remembered.
const maxOpen = 4_000_000

// usersOf looks at the open files of all processes: proc_pid_fd(5). Only root sees those of
// other users.
func usersOf(proc string) (users, error) {
	u := users{open: map[key]string{}}
	top, err := os.Open(proc)
	if err != nil {
		return u, err
	}
	defer top.Close()
	ids, err := top.Readdirnames(-1)
	if err != nil {
		return u, err
	}
	for _, id := range ids {
		if strings.Trim(id, "0123456789") != "" {
			continue
		}
		if err := u.process(proc, id); errors.Is(err, fs.ErrPermission) {
			u.hidden++
		}
	}
	return u, nil
}

// process adds the files of a process. One that has ended has none.
func (u *users) process(proc, id string) error {
	folder, err := os.Open(filepath.Join(proc, id, "fd"))
	if err != nil {
		return err
	}
	defer folder.Close()
	fds, err := folder.Readdirnames(-1)
	if err != nil {
		return err
	}
	who := ""
	for _, fd := range fds {
		var st unix.Stat_t
		if unix.Fstatat(int(folder.Fd()), fd, &st, 0) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		if who == "" {
			name, _ := os.ReadFile(filepath.Join(proc, id, "comm")) // it may have ended
			who = show.Flat(strings.TrimSpace(string(name)), 16) + " (process " + id + ")"
		}
		if len(u.open) < maxOpen {
			u.open[keyOf(&st)] = who
		}
	}
	return nil
}
