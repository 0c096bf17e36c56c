package daemon

import (
	"bufio"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// forgetStart gives back to the system what only the start needed: the heap's free pages,
// and the pages of the program's own file. The kernel maps whole runs of that file, so
// that after the start nearly all 20 MiB of it count as ours; what still runs is mapped
// again from the page cache.
func forgetStart() {
	debug.FreeOSMemory()
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if begin, size, ok := unwritable(lines.Text(), self); ok {
			unix.Syscall(unix.SYS_MADVISE, begin, size, unix.MADV_DONTNEED) // where it is refused, memory stays as it is
		}
	}
}

// unwritable reads a line of proc_pid_maps(5). ok is true when it is a part of the file
// that cannot be written to: only there MADV_DONTNEED changes nothing that can be read.
func unwritable(line, file string) (begin, size uintptr, ok bool) {
	field := strings.Fields(line)
	if len(field) != 6 || field[5] != file || len(field[1]) != 4 || field[1][1] != '-' || field[1][3] != 'p' {
		return 0, 0, false
	}
	var end uintptr
	if n, err := fmt.Sscanf(field[0], "%x-%x", &begin, &end); n != 2 || err != nil || end <= begin {
		return 0, 0, false
	}
	return begin, end - begin, true
}
