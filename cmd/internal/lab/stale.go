package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// names is where ip-netns(8) keeps named network namespaces.
const names = "/run/netns"

// stem begins every name we make; the pid of the maker follows it.
const stem = "pbxlab-"

// removeStale removes the namespaces of runs that died before they could. The
// last reference takes the links and rules in them along.
func removeStale() error {
	paths, err := filepath.Glob(filepath.Join(names, stem+"*"))
	for _, path := range paths {
		name := filepath.Base(path)
		if maker, ok := makerOf(name); ok && unix.Kill(maker, 0) == unix.ESRCH {
			err = errors.Join(err, removeName(name))
		}
	}
	return err
}

// makerOf reads the pid out of a name such as "pbxlab-4711-1f3a-pbx".
func makerOf(name string) (pid int, ok bool) {
	rest, ours := strings.CutPrefix(name, stem)
	digits, _, _ := strings.Cut(rest, "-")
	pid, err := strconv.Atoi(digits)
	return pid, ours && err == nil && pid > 0
}

// removeName is netns.DeleteNamed for names that may be half made or gone.
func removeName(name string) error {
	path := filepath.Join(names, name)
	err := unix.Unmount(path, unix.MNT_DETACH)
	if err != nil && err != unix.EINVAL && err != unix.ENOENT {
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
