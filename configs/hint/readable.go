package hint

import (
	"cmp"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// aclPackage says where setfacl(1) is.
const aclPackage = " (setfacl is in package acl)"

// Readable is the hint for a file that this process may not read: the commands that let its
// user read the file and enter its folder.
func Readable(path string) string {
	who, path := self(), filepath.Clean(path)
	return "let user " + who + " read it: setfacl -m u:" + who + ":x " + quoted(filepath.Dir(path)) + "; setfacl -m u:" + who + ":r " + quoted(path) + aclPackage
}

// ReadableLogs is the hint for a log that this process may not read: the command that lets
// its user read all logs in the folder, also those that a rotation makes later.
func ReadableLogs(path string) string {
	who := self()
	return "let user " + who + " read the logs: setfacl -R -m u:" + who + ":rX -m d:u:" + who + ":rX " + quoted(filepath.Dir(filepath.Clean(path))) + aclPackage
}

// Writable is the hint for a file that this process may not write: the commands that let its
// user write the file and make other files in the folder.
func Writable(path string) string {
	who, path := self(), filepath.Clean(path)
	return "let user " + who + " change this file and its folder: setfacl -m u:" + who + ":rwx " + quoted(filepath.Dir(path)) + "; setfacl -m u:" + who + ":rw " + quoted(path) + aclPackage
}

// InGroup is the hint for what only members of a group may read: the command that makes the
// user of this process one of them.
func InGroup(group string) string {
	return "usermod -aG " + group + " " + self() + "; then: systemctl restart pbxjail"
}

// self is the name of the user of this process, or its number.
func self() string {
	number := strconv.Itoa(os.Geteuid())
	if u, err := user.LookupId(number); err == nil {
		return cmp.Or(u.Username, number)
	}
	return number
}

// quoted is a path as one word of a shell.
func quoted(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@", r)
	}
	if strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
