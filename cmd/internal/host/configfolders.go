package host

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxConfigFolders bounds how many programs are asked for their folder.
const maxConfigFolders = 16

// ConfigFolders are the folders of the configuration that running processes of this name
// were given with "-C FILE" (asterisk(8)), each once. proc is "/proc". A process that sees
// other files than we do, as in a container, is left out: its paths mean nothing here.
func ConfigFolders(proc, name string) (folders []string) {
	root, err := os.Stat(filepath.Join(proc, "self/root"))
	if err != nil {
		return nil
	}
	for _, process := range Processes(proc, name) {
		if len(folders) == maxConfigFolders {
			break
		}
		if there, err := os.Stat(filepath.Join(process, "root")); err != nil || !os.SameFile(root, there) {
			continue
		}
		args, _ := os.ReadFile(filepath.Join(process, "cmdline"))
		file := configArgument(strings.Split(string(args), "\x00"))
		if folder := filepath.Dir(file); filepath.IsAbs(file) && !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	return folders
}

// configArgument is the last -C of a command: asterisk:main/asterisk.c, getopt.
func configArgument(args []string) (file string) {
	for i, arg := range args {
		switch {
		case i == 0:
		case arg == "-C" && i+1 < len(args):
			file = args[i+1]
		case strings.HasPrefix(arg, "-C"):
			file = arg[2:]
		}
	}
	return file
}
