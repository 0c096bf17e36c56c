package watcher

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// hinted is an error that says what the operator can do.
type hinted struct {
	err  error
	hint string
}

func (h hinted) Error() string { return h.err.Error() }
func (h hinted) Unwrap() error { return h.err }
func (h hinted) Hint() string  { return h.hint }

// missing reports whether err only says that nothing is there. A part of the
// path that is a file counts: its folder does not exist yet.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func problemMissing(path string) error {
	return hinted{
		fmt.Errorf("%s: %w", path, fs.ErrNotExist),
		"it is followed as soon as it appears; check the path, and logger.conf for what Asterisk writes",
	}
}

func problemUnmatched(pattern string) error {
	return hinted{
		fmt.Errorf("%s: no file matches: %w", pattern, fs.ErrNotExist),
		"matching files are followed as soon as they appear; check the pattern, and that its folder can be read",
	}
}

// problemOf dresses an error of the system with what to do about it. nil stays
// nil.
func problemOf(err error) error {
	if _, ok := errors.AsType[hinted](err); ok || err == nil {
		return err
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return hinted{err, "give the user of the daemon the right to read it, and to enter its folder; it is tried again all the time"}
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return hinted{err, "too many files are open: raise LimitNOFILE of the service, or follow fewer logs"}
	case errors.Is(err, syscall.ELOOP):
		return hinted{err, "its symbolic links lead in a circle: mend them"}
	}
	return hinted{err, "it is tried again all the time; what was read so far is remembered"}
}

func problemKind(path string, mode fs.FileMode) error {
	if mode.IsDir() {
		return hinted{fmt.Errorf("%s: is a folder, not a log", path), "name the files in it (" + path + "/*), or take the folder away: a file in its place is followed from its beginning"}
	}
	return hinted{fmt.Errorf("%s: neither a file nor a pipe (%s)", path, mode.Type()), "name a regular file or a named pipe"}
}

func problemSame(path, other string) error {
	return hinted{fmt.Errorf("%s: the same file as %s", path, other), "it is read once, as " + other + ": name it once"}
}

func problemTooMany(pattern string) error {
	return hinted{fmt.Errorf("%s: more than %d files", pattern, MaxFiles), "name fewer logs, or a narrower pattern"}
}

func problemPattern(pattern string, err error) error {
	return hinted{fmt.Errorf("%s: %w", pattern, err), "close the bracket of the pattern, or write a backslash before a [ that is meant as such"}
}

func problemEvents(what string, err error) error {
	return hinted{
		fmt.Errorf("%s: no events from the kernel: %w", what, err),
		"nothing is lost, lines are only seen a tick later; raise fs.inotify.max_user_watches and max_user_instances (inotify(7))",
	}
}
