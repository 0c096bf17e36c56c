package host

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"pbxjail/configs/prefix"
)

// Where the system keeps who is logged in.
const (
	Utmp     = "/run/utmp"
	Sessions = "/run/systemd/sessions"
)

// A record of utmp(5) on all architectures where a process of 32 bits has the same one
// (__WORDSIZE_TIME64_COMPAT32: x86-64, s390x, ppc64, mips64), and where not (arm64,
// riscv64): there the session and the time are longer, so the address comes later.
const (
	utmpType    = 0 // short
	utmpPID     = 4 // int
	utmpHost    = 76
	utmpHostLen = 256
	userProcess = 7
	utmpCompat  = 384 // bytes of a record; the address is at 348
	utmpLong    = 400 // and here it is at 360
	maxSessions = 256
	maxUtmp     = 4 << 20
)

// LoggedIn are the addresses from where somebody is logged in to this machine, in order,
// each once: sessions that sshd, or another service of log-ins, has noted after it asked for
// a password or a key. utmp is asked first, and where there is none the sessions of
// logind (the files below /run/systemd/sessions). A host that is a name is left out:
// names are never looked up.
func LoggedIn(utmp, sessions string) []netip.Addr {
	list, ok := fromUtmp(utmp, alive)
	if more := fromLogind(sessions); !ok || len(list) == 0 {
		list = append(list, more...)
	}
	slices.SortFunc(list, netip.Addr.Compare)
	list = slices.Compact(list)
	return list[:min(len(list), maxSessions)]
}

// longRecords is which of the two this machine writes, where the length of the file fits both.
const longRecords = runtime.GOARCH == "arm64" || runtime.GOARCH == "riscv64" || runtime.GOARCH == "loong64"

// alive reports whether a process is there: a machine that lost power leaves records.
func alive(pid int) bool { return pid > 0 && unix.Kill(pid, 0) != unix.ESRCH }

// fromUtmp reads the sessions of utmp. ok is false when there is no such file.
func fromUtmp(path string, alive func(pid int) bool) (list []netip.Addr, ok bool) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxUtmp {
		return nil, false
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, false
	}
	return parseUtmp(data, alive), true
}

// parseUtmp takes the addresses out of records that are sessions of users. The address is
// also there as bytes (ut_addr_v6), which say how it was reached even where ut_host is a name.
func parseUtmp(data []byte, alive func(pid int) bool) (list []netip.Addr) {
	size, at := utmpCompat, 348
	if long := len(data)%utmpLong == 0; long && (longRecords || len(data)%utmpCompat != 0) {
		size, at = utmpLong, 360
	}
	for ; len(data) >= size; data = data[size:] {
		r := data[:size]
		if binary.NativeEndian.Uint16(r[utmpType:]) != userProcess || !alive(int(int32(binary.NativeEndian.Uint32(r[utmpPID:])))) {
			continue
		}
		host, _, _ := bytes.Cut(r[utmpHost:utmpHost+utmpHostLen], []byte{0})
		a, ok := remote(string(host))
		if !ok && len(host) > 0 && host[0] != ':' { // ":0" is a screen
			a, ok = fromBytes(r[at : at+16])
		}
		if ok {
			list = append(list, a)
		}
	}
	return list
}

// fromBytes reads ut_addr_v6: IPv4 is in the first four bytes.
func fromBytes(b []byte) (netip.Addr, bool) {
	a := netip.AddrFrom16([16]byte(b)).Unmap()
	if !bytes.ContainsFunc(b[4:], func(r rune) bool { return r != 0 }) {
		a = netip.AddrFrom4([4]byte(b[:4]))
	}
	return usable(a)
}

// remote reads the host of a session: an address, perhaps with a zone.
func remote(host string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, false
	}
	return usable(a)
}

func usable(a netip.Addr) (netip.Addr, bool) {
	a = prefix.Addr(a)
	return a, a.IsValid() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast()
}

// fromLogind reads the session files of systemd-logind, lines of KEY=VALUE. Its own man
// page calls them private; they have had these keys since systemd 38.
func fromLogind(dir string) (list []netip.Addr) {
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, name := range files[:min(len(files), 4*maxSessions)] {
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() || info.Size() > 64<<10 { // *.ref are pipes
			continue
		}
		if data, err := os.ReadFile(name); err == nil {
			if a, ok := parseSession(string(data)); ok {
				list = append(list, a)
			}
		}
	}
	return list
}

// parseSession finds the remote host of a session that is open and of a user.
func parseSession(text string) (netip.Addr, bool) {
	keys := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		keys[key] = value
	}
	class := keys["CLASS"]
	if keys["REMOTE"] != "1" || keys["STATE"] == "closing" || class != "" && !strings.HasPrefix(class, "user") {
		return netip.Addr{}, false
	}
	return remote(keys["REMOTE_HOST"])
}

// Peer reads the client's address out of SSH_CONNECTION: sshd(8).
func Peer(connection string) (netip.Addr, bool) {
	client, _, _ := strings.Cut(connection, " ")
	return remote(client)
}
