package watcher

import (
	"errors"
	"io/fs"
	"syscall"

	"pbxjail/configs/hint"
)

// missing reports whether err only says that nothing is there. A part of the
// path that is a file counts: its folder does not exist yet.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func problemMissing(path string) error {
	return hint.Errorf("it is followed as soon as it appears; check the path, and logger.conf for what Asterisk writes", "%s: %w", path, fs.ErrNotExist)
}

func problemUnmatched(pattern string) error {
	return hint.Errorf("matching files are followed as soon as they appear; check the pattern, and that its folder can be read", "%s: no file matches: %w", pattern, fs.ErrNotExist)
}

// problemOf dresses an error of the system with what to do about it. nil stays
// nil.
func problemOf(err error) error {
	if err == nil || hint.Of(err) != "" {
		return err
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return hint.Add("give the user of the daemon the right to read it and to enter its folder; pbxjail tries again by itself", err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return hint.Add("too many files are open: raise LimitNOFILE of the service, or follow fewer logs", err)
	case errors.Is(err, syscall.ELOOP):
		return hint.Add("its symbolic links lead in a circle: correct them", err)
	}
	return hint.Add("pbxjail tries again by itself; what was read so far is remembered", err)
}

func problemKind(path string, mode fs.FileMode) error {
	if mode.IsDir() {
		return hint.Errorf("name the files in it ("+path+"/*), or remove the folder: a file in its place is followed from its beginning", "%s: is a folder, not a log", path)
	}
	return hint.Errorf("name a regular file or a named pipe", "%s: neither a file nor a pipe (%s)", path, mode.Type())
}

// ErrSame is in the problem of a path whose file is followed under another name.
var ErrSame = errors.New("the same file")

// problemOwn is of a path that leads to where this program writes its own log: it would
// read what it says about what it reads, without end.
func problemOwn(path string) error {
	return hint.Errorf("name another file under logs: one that Asterisk writes, such as /var/log/asterisk/full; if Asterisk runs in a container, the file with the output of that container", "%s: pbxjail writes its own messages into this file, so it cannot be a log of Asterisk", path)
}

func problemSame(path, other string) error {
	return hint.Errorf("remove one of the two names: the file is read once, as "+other, "%s: %w as %s", path, ErrSame, other)
}

func problemTooMany(pattern string) error {
	return hint.Errorf("give fewer logs, or a narrower pattern", "%s: more than %d files", pattern, MaxFiles)
}

func problemPattern(pattern string, err error) error {
	return hint.Errorf("close the bracket of the pattern, or write a backslash before a literal [", "%s: %w", pattern, err)
}

func problemEvents(what string, err error) error {
	return hint.Errorf("no line is lost, but pbxjail reads each a moment later; raise fs.inotify.max_user_watches and max_user_instances (inotify(7))", "%s: no events from the kernel: %w", what, err)
}
