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
	return hint.Errorf("compare the path with the logs that Asterisk writes: asterisk -rx 'logger show channels'. pbxjail reads this file as soon as it exists", "%s: %w", path, fs.ErrNotExist)
}

func problemUnmatched(pattern string) error {
	return hint.Errorf("check the pattern, and that pbxjail may read the folder. pbxjail reads a matching file as soon as one exists", "%s: no file matches this pattern: %w", pattern, fs.ErrNotExist)
}

// problemOf dresses an error of the system with what to do about it. nil stays
// nil.
func problemOf(err error) error {
	if err == nil || hint.Of(err) != "" {
		return err
	}
	var file *fs.PathError
	switch {
	case errors.Is(err, fs.ErrPermission) && errors.As(err, &file):
		return hint.Add(hint.ReadableLogs(file.Path)+"; pbxjail tries again by itself", err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return hint.Add("systemctl edit pbxjail, and write LimitNOFILE=16384 below [Service]; then: systemctl restart pbxjail. Or write fewer files under logs", err)
	case errors.Is(err, syscall.ELOOP):
		return hint.Add("these symbolic links lead in a circle: make them again with ln -sfn", err)
	}
	return hint.Add("look for errors of the disk with dmesg. pbxjail tries again by itself, and continues where it stopped", err)
}

func problemKind(path string, mode fs.FileMode) error {
	if mode.IsDir() {
		return hint.Errorf("if logs are in this folder, write "+path+"/* under logs in the main file; if it is empty, remove it: rmdir "+path, "%s: is a folder, not a log", path)
	}
	return hint.Errorf("under logs, write the path of a text file or of a named pipe", "%s: is neither a file nor a pipe (%s)", path, mode.Type())
}

// ErrSame is in the problem of a path whose file is followed under another name.
var ErrSame = errors.New("the same file")

// problemOwn is of a path that leads to where this program writes its own log: it would
// read what it says about what it reads, without end.
func problemOwn(path string) error {
	return hint.Errorf("under logs, write a file of Asterisk, such as /var/log/asterisk/full; or, of a container, the file with its output", "%s: pbxjail writes its own messages into this file, so it cannot be a log of Asterisk", path)
}

func problemSame(path, other string) error {
	return hint.Errorf("no line is lost. To end this message, remove "+path+" from logger.conf of Asterisk, or from logs in a file of pbxjail", "%s: %w as %s", path, ErrSame, other)
}

func problemTooMany(pattern string) error {
	return hint.Errorf("under logs, write fewer files, or a pattern that matches fewer files", "%s: matches more than %d files, and pbxjail does not read the others", pattern, MaxFiles)
}

func problemPattern(pattern string, err error) error {
	return hint.Errorf("under logs, close the bracket of this pattern, or write \\[ for a [ in the name of a file", "%s: %w", pattern, err)
}

func problemEvents(what string, err error) error {
	return hint.Errorf("no line is lost, but pbxjail reads each line a moment later. Raise the limits: sysctl -w fs.inotify.max_user_watches=65536 fs.inotify.max_user_instances=1024", "%s: the kernel does not report changes: %w", what, err)
}
