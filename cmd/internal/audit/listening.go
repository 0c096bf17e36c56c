package audit

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Socket is a port that the machine listens on.
type Socket struct {
	Protocol string // tcp, udp
	At       netip.AddrPort
	Program  string // the name of a process that has it; "": not known. It may hold any byte
	PID      int    // of that process; 0: not known

	inode string
}

// Bounds of what is read in /proc: a busy PBX has thousands of sockets.
const (
	maxSockets   = 4096
	maxProcesses = 8192
	maxTable     = 16 << 20 // bytes of one table of the kernel
)

// Listening are the ports that the machine listens on, by proc_net_tcp(5): TCP sockets that
// listen and UDP sockets without a peer, in the order of their ports, IPv4 and IPv6. The
// programs are known as far as the caller may look into their processes: all of them for
// root. An error says that no table could be read.
func (m *Machine) Listening() ([]Socket, error) {
	var list []Socket
	var failed error
	read := 0
	for _, table := range []struct{ file, protocol, state string }{
		{"tcp", "tcp", "0A"}, {"tcp6", "tcp", "0A"}, {"udp", "udp", "07"}, {"udp6", "udp", "07"}, // linux:include/net/tcp_states.h
	} {
		text, err := m.Read("/proc/net/"+table.file, maxTable)
		if err != nil && !errors.Is(err, ErrTooLarge) {
			if failed == nil || !errors.Is(err, fs.ErrNotExist) { // a kernel may have no IPv6
				failed = err
			}
			continue
		}
		read++
		list = append(list, listeners(string(text), table.protocol, table.state)...)
	}
	if read == 0 {
		return nil, failed
	}
	slices.SortStableFunc(list, func(a, b Socket) int {
		if d := int(a.At.Port()) - int(b.At.Port()); d != 0 {
			return d
		}
		return a.At.Addr().Compare(b.At.Addr())
	})
	list = list[:min(len(list), maxSockets)]
	m.nameSockets(list)
	return list, nil
}

// listeners reads a table of sockets of the kernel.
func listeners(text, protocol, state string) (list []Socket) {
	for line := range strings.Lines(text) {
		// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
		field := strings.Fields(line)
		if len(field) < 10 || field[3] != state || !strings.HasSuffix(field[2], ":0000") {
			continue
		}
		if at, ok := kernelAddress(field[1]); ok && at.Port() != 0 {
			list = append(list, Socket{Protocol: protocol, At: at, inode: field[9]})
		}
	}
	return list
}

// kernelAddress reads "0100007F:13C4": each 32 bits are in the order of the machine, which is
// little endian where Asterisk runs.
func kernelAddress(text string) (netip.AddrPort, bool) {
	address, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(address)
	n, portErr := strconv.ParseUint(port, 16, 16)
	if err != nil || portErr != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		slices.Reverse(raw[i : i+4])
	}
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), ok
}

// nameSockets finds out which programs have the sockets.
func (m *Machine) nameSockets(list []Socket) {
	of := map[string][]int{}
	for i, s := range list {
		of[s.inode] = append(of[s.inode], i)
	}
	for _, folder := range m.Glob("/proc/[1-9]*", maxProcesses) {
		pid, err := strconv.Atoi(path.Base(folder))
		if err != nil {
			continue
		}
		name := ""
		for _, fd := range m.Glob(folder+"/fd/*", maxProcesses) {
			target, err := fs.ReadLink(m.Files(), strings.TrimPrefix(fd, "/"))
			inode, is := strings.CutPrefix(target, "socket:[")
			sockets := of[strings.TrimSuffix(inode, "]")]
			if err != nil || !is || len(sockets) == 0 {
				continue
			}
			if name == "" {
				comm, _ := m.Read(folder+"/comm", 64)
				name = strings.TrimSpace(string(comm))
			}
			for _, i := range sockets {
				if list[i].Program == "" {
					list[i].Program, list[i].PID = name, pid
				}
			}
		}
	}
}

// World reports whether the address is one that other machines can send to: not loopback.
func (s Socket) World() bool { return !s.At.Addr().IsLoopback() }
