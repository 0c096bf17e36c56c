package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	"pbxjail/configs/hint"
)

// observeLine is the setting at the top level of a main file; a comment may follow it.
var observeLine = regexp.MustCompile(`(?m)^observe:[ \t]*[^\s#]*`)

// SetObserve writes observe into the main file at path and leaves all else in it as it is:
// comments, order, owner and mode. Nothing is written unless the file is valid before and after.
// The file is replaced in one step. A missing file is an error that wraps fs.ErrNotExist.
func SetObserve(path string, observe bool) error {
	old, err := read(path)
	if err != nil {
		return err
	}
	if _, err := parseMain(path, old); err != nil {
		return err
	}
	text := withObserve(old, observe)
	meaning := "pbxjail then bans addresses"
	if observe {
		meaning = "pbxjail then bans no address"
	}
	if m, err := parseMain(path, text); err != nil || m.Observe != observe {
		return hint.Errorf(fmt.Sprintf("edit the file: remove the key observe, and write a new line: observe: %t; %s. Then run the command again", observe, meaning), "%s: pbxjail cannot change the key observe, because the key is not on a line of its own", path)
	}
	return replace(path, text)
}

// withObserve changes the line, or adds one.
func withObserve(text []byte, observe bool) []byte {
	line := fmt.Appendf(nil, "observe: %t", observe)
	if at := observeLine.FindIndex(text); at != nil {
		return bytes.Join([][]byte{text[:at[0]], line, text[at[1]:]}, nil)
	}
	if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
		text = append(bytes.Clone(text), '\n')
	}
	return append(append(bytes.Clone(text), line...), '\n')
}

// replace writes a new file beside the old one, and renames it to the old name.
func replace(path string, text []byte) (err error) {
	path, err = filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".pbxjail*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			err = fmt.Errorf("cannot write %s: %w", path, err)
		}
	}()
	defer f.Close()
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := f.Chown(int(s.Uid), int(s.Gid)); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	if err := f.Chmod(info.Mode().Perm()); err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
