package host

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Sockets are the ports that a program listens on, in order and each once.
type Sockets struct {
	UDP, TCP []uint16
}

const (
	// maxListening bounds the ports of a kind: a busy PBX has a UDP socket a call.
	maxListening = 256
	// maxDescriptors bounds the files of one process that are looked at.
	maxDescriptors = 8192
	tcpListens     = "0A" // linux:include/net/tcp_states.h TCP_LISTEN
)

// Listening finds the ports that processes listen on in our own network namespace, by
// /proc (proc_pid_net(5)). proc is "/proc", and processes is what Processes found there.
// It finds nothing where it may not look into the process. The configuration says which
// ports a program should listen on; this says which it does, also when they stand in a
// database.
func Listening(proc string, processes []string) (s Sockets) {
	here, _ := os.Readlink(filepath.Join(proc, "self/ns/net"))
	for _, folder := range processes {
		if there, _ := os.Readlink(filepath.Join(folder, "ns/net")); there != here {
			continue
		}
		held := socketsOf(filepath.Join(folder, "fd"))
		if len(held) == 0 {
			continue
		}
		for _, file := range []string{"udp", "udp6"} {
			s.UDP = append(s.UDP, portsIn(filepath.Join(folder, "net", file), "", held)...)
		}
		for _, file := range []string{"tcp", "tcp6"} {
			s.TCP = append(s.TCP, portsIn(filepath.Join(folder, "net", file), tcpListens, held)...)
		}
	}
	s.UDP, s.TCP = tidy(s.UDP), tidy(s.TCP)
	return s
}

func tidy(ports []uint16) []uint16 {
	slices.Sort(ports)
	ports = slices.Compact(ports)
	return ports[:min(len(ports), maxListening)]
}

// socketsOf are the inodes of the sockets among a process's files.
func socketsOf(folder string) map[string]bool {
	dir, err := os.Open(folder)
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(maxDescriptors)
	held := map[string]bool{}
	for _, name := range names {
		target, err := os.Readlink(filepath.Join(folder, name))
		if inode, ok := strings.CutPrefix(target, "socket:["); ok && err == nil {
			held[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return held
}

// portsIn are the local ports of held sockets that have no peer and, unless it is "",
// this state.
func portsIn(file, state string, held map[string]bool) (ports []uint16) {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() && len(ports) < 4*maxListening {
		// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
		field := strings.Fields(lines.Text())
		if len(field) < 10 || !held[field[9]] || state != "" && field[3] != state || !strings.HasSuffix(field[2], ":0000") {
			continue
		}
		_, hex, _ := strings.Cut(field[1], ":")
		if n, err := strconv.ParseUint(hex, 16, 16); err == nil && n > 0 {
			ports = append(ports, uint16(n))
		}
	}
	return ports
}
