package host

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// maxName is as long as a name in comm can be, with its newline (proc_pid_comm(5)).
const maxName = 16

// Processes are the folders in proc, which is "/proc", of the processes with this name, in
// order. It opens nothing but one small file of each process: there may be thousands.
func Processes(proc, name string) (folders []string) {
	dir, err := os.Open(proc)
	if err != nil {
		return nil
	}
	defer dir.Close()
	ids, _ := dir.Readdirnames(-1) // a process may end at any time
	var text [maxName]byte
	for _, id := range ids {
		if id[0] < '1' || id[0] > '9' {
			continue
		}
		// The file is not for the runtime's poller, which would cost more than to read it.
		fd, err := unix.Openat(int(dir.Fd()), id+"/comm", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		n, err := unix.Read(fd, text[:])
		unix.Close(fd)
		if err == nil && string(bytes.TrimSpace(text[:max(n, 0)])) == name {
			folders = append(folders, filepath.Join(proc, id))
		}
	}
	slices.Sort(folders)
	return folders
}
