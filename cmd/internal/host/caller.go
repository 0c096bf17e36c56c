package host

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// mostParents is how many processes above us are looked at.
const mostParents = 16

// Caller is the address of the SSH session in which this program runs. sudo(8) removes
// SSH_CONNECTION from the environment, so the parent processes are read too, where /proc
// allows it.
func Caller() (netip.Addr, bool) {
	if a, ok := Peer(os.Getenv("SSH_CONNECTION")); ok {
		return a, true
	}
	pid := os.Getppid()
	for range mostParents {
		if pid <= 1 {
			break
		}
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil {
			break
		}
		for entry := range strings.SplitSeq(string(env), "\x00") {
			if text, found := strings.CutPrefix(entry, "SSH_CONNECTION="); found {
				return Peer(text)
			}
		}
		pid = parentOf(pid)
	}
	return netip.Addr{}, false
}

// parentOf reads the parent of a process: proc_pid_status(5). 0: it is not known.
func parentOf(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "PPid:"); found {
			parent, _ := strconv.Atoi(strings.TrimSpace(value))
			return parent
		}
	}
	return 0
}
