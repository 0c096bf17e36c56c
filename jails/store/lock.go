package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"pbxjail/configs/hint"
)

// lockFile takes the lock that keeps a second daemon out, flock(2). The kernel
// drops it when the process ends, however it ends; the file stays, because
// removing it would let two processes lock two files of one name.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		writeHolder(f)
		return f, nil
	}
	defer f.Close()
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, err
	}
	return nil, hint.Errorf(hint.Second, "another pbxjail%s uses this database", holder(f))
}

// writeHolder writes our pid for the error message of a second daemon. If the disk is full
// and this fails, the lock still holds.
func writeHolder(f *os.File) {
	if f.Truncate(0) == nil {
		_, _ = f.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	}
}

func holder(f *os.File) string {
	text, err := io.ReadAll(io.LimitReader(f, 16))
	if err != nil {
		return ""
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}
