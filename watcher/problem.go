package watcher

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"

	"pbxjail/configs/hint"
)

// missing reports whether err only says that nothing is there. A part of the
// path that is a file counts: its folder does not exist yet.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func problemMissing(path string) error {
	return hint.Errorf("to see which logs Asterisk writes: asterisk -rx 'logger show channels'. If the path is wrong, correct it under logs in the main file or in the file of the jail; then: jailctl reload. If it is right, wait: pbxjail reads the file as soon as it exists", "%s: %w", path, fs.ErrNotExist)
}

func problemUnmatched(pattern string) error {
	return hint.Errorf("to see the files: ls -l "+filepath.Dir(pattern)+". If the pattern is wrong, correct it under logs; then: jailctl reload. If it is right, wait: pbxjail reads a matching file as soon as it exists", "%s: no file matches this pattern: %w", pattern, fs.ErrNotExist)
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
		return hint.Add("pbxjail has too many open files. Run: systemctl edit pbxjail; write 2 lines into the editor: [Service] and LimitNOFILE=16384; then: systemctl restart pbxjail. Or name fewer files under logs", err)
	case errors.Is(err, syscall.ELOOP):
		return hint.Add("the symbolic links of this path lead in a circle. Make the link again: ln -sfn REAL-FILE LINK. pbxjail tries again by itself", err)
	}
	return hint.Add("look for errors of the disk: dmesg. No line is lost: pbxjail tries again by itself, and continues where it stopped", err)
}

func problemKind(path string, mode fs.FileMode) error {
	if mode.IsDir() {
		return hint.Errorf("if logs are in this folder, write "+path+"/* under logs in the main file; then: jailctl reload. If the folder is empty, delete it: rmdir "+path, "%s: is a folder, not a log", path)
	}
	return hint.Errorf("under logs, write the path of a text file or of a named pipe; then: jailctl reload", "%s: is a %s, and cannot be read as a log", path, kindOf(mode))
}

// kindOf names what is neither a file nor a folder nor a pipe.
func kindOf(mode fs.FileMode) string {
	if mode&fs.ModeSocket != 0 {
		return "socket"
	}
	return "device"
}

// ErrSame is in the problem of a path whose file is followed under another name.
var ErrSame = errors.New("the same file")

// problemOwn is of a path that leads to where this program writes its own log: it would
// read what it says about what it reads, without end.
func problemOwn(path string) error {
	return hint.Errorf("under logs, write a file that Asterisk writes, such as /var/log/asterisk/full; then: jailctl reload", "%s: pbxjail writes its own messages into this file, so it cannot be a log of Asterisk", path)
}

func problemSame(path, other string) error {
	return hint.Errorf("no line is lost: pbxjail reads this file once. To end this message, remove "+path+" from logs in the main file or in the file of the jail; then: jailctl reload. Or remove it from logger.conf of Asterisk", "%s: %w as %s", path, ErrSame, other)
}

func problemTooMany(pattern string) error {
	return hint.Errorf("under logs, write a pattern that matches fewer files; then: jailctl reload", "%s: matches more than %d files. pbxjail reads only so many, and cannot see attacks in the other files", pattern, MaxFiles)
}

func problemPattern(pattern string, err error) error {
	return hint.Errorf("under logs, close the bracket of this pattern, or write \\[ for a [ in the name of a file; then: jailctl reload", "%s: %w", pattern, err)
}

func problemEvents(what string, err error) error {
	return hint.Errorf("no line is lost, but pbxjail reads each line a moment later. To set higher limits: sysctl -w fs.inotify.max_user_watches=65536 fs.inotify.max_user_instances=1024. To keep them after a reboot, write both into /etc/sysctl.d/pbxjail.conf", "%s: the kernel does not report changes: %w", what, err)
}
