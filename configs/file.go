package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"unicode/utf8"

	"pbxjail/configs/hint"
)

// maxFile is the size above which a file is not read: the largest sensible jail
// file has a few hundred lines.
const maxFile = 1 << 20

// read returns the bytes of a configuration file. A failure is a Problem.
func read(path string) ([]byte, error) {
	// Asked before opening: opening a named pipe would wait for its writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	if info.IsDir() {
		return nil, Problem{File: path, What: "is a folder", Fix: "write the path of a file, or move the folder away"}
	}
	if !info.Mode().IsRegular() {
		return nil, Problem{File: path, What: "is a device, a pipe or a socket, not a text file", Fix: "write the path of a text file; if this file is in a folder of jail files, delete it"}
	}
	if info.Size() == 0 { // or a file of the kernel: reading one such as /proc/kmsg may wait forever
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, unreadable(path, err)
	}
	return data, nil
}

func unreadable(path string, err error) Problem {
	p := Problem{File: path, cause: err, Fix: "check the path, and the disk (dmesg)"}
	var inner *fs.PathError
	if errors.As(err, &inner) {
		err = inner.Err // the message begins with the path already
	}
	p.What = err.Error()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.Fix = "check the path; without --config and without a file, pbxjail uses its built-in defaults"
	case errors.Is(err, fs.ErrPermission):
		p.Fix = "run this as root, or " + hint.Readable(path)
	}
	return p
}

// checkText finds bytes that no text file has, before YAML reads the file. The message
// of a YAML parser about a binary file would not help the operator.
func checkText(file string, data []byte) *Problem {
	const restore = "save the file in your editor as UTF-8 text, or restore the file from a backup"
	if len(data) > maxFile {
		return &Problem{File: file, What: "is larger than 1 MiB", Fix: "no file of pbxjail is so large: write the path of the right file, or restore this file from a backup"}
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return &Problem{File: file, Line: lineAt(data, i), What: "is not a text file (this line has a NUL byte)", Fix: restore}
	}
	if !utf8.Valid(data) {
		i := bytes.IndexByte(bytes.ToValidUTF8(data, []byte{0}), 0) // it holds no other NUL
		return &Problem{File: file, Line: lineAt(data, i), What: fmt.Sprintf("this line is not UTF-8 text (byte 0x%02x)", data[i]), Fix: restore}
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return &Problem{File: file, What: "is empty", Fix: "write keys into the file, or delete the file. To see all keys: jailctl check --reference"}
	}
	return nil
}

func lineAt(data []byte, offset int) int { return 1 + bytes.Count(data[:offset], []byte("\n")) }
