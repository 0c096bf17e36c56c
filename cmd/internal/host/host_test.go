package host

import (
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func addrs(words ...string) (list []netip.Addr) {
	for _, w := range words {
		list = append(list, netip.MustParseAddr(w))
	}
	return list
}

func TestNameServers(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "resolv.conf"), "# comment\nsearch example.net\nnameserver 192.0.2.53\nnameserver\t2001:db8::53%eth0\n"+
		"nameserver 127.0.0.53\n;nameserver 192.0.2.99\nnameserver 192.0.2.53\nnameserver name.example.net\nnameserver\n")
	if got, want := NameServers(path), addrs("192.0.2.53", "2001:db8::53"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := Resolvers(path); len(got) < 3 || !slices.ContainsFunc(got, func(a netip.AddrPort) bool { return a.String() == "127.0.0.53:53" }) {
		t.Errorf("got %v, want that on this machine too", got)
	}
	if got := NameServers(path + ".gone"); got != nil {
		t.Errorf("got %v of no file", got)
	}
}

// record is one of utmp(5), of so many bytes.
func record(size int, kind, pid int, host, addr string) []byte {
	r, at := make([]byte, size), 348
	if size == utmpLong {
		at = 360
	}
	binary.NativeEndian.PutUint16(r, uint16(kind))
	binary.NativeEndian.PutUint32(r[utmpPID:], uint32(pid))
	copy(r[utmpHost:], host)
	if addr != "" {
		a := netip.MustParseAddr(addr)
		copy(r[at:], a.AsSlice())
	}
	return r
}

func TestUtmp(t *testing.T) {
	for _, size := range []int{utmpCompat, utmpLong} {
		var data []byte
		for _, r := range [][]byte{
			record(size, 2, 1, "6.1.0", ""),                                     // the boot
			record(size, userProcess, 100, "198.51.100.9", "198.51.100.9"),      // sshd
			record(size, userProcess, 101, "admin.example.net", "198.51.100.8"), // sshd with UseDNS
			record(size, userProcess, 102, "2001:db8::9", "2001:db8::9"),
			record(size, userProcess, 103, ":0", ""),                         // a screen
			record(size, userProcess, 104, "", ""),                           // the console
			record(size, userProcess, 999, "198.51.100.66", "198.51.100.66"), // of a process that is gone
			record(size, 8, 105, "198.51.100.67", "198.51.100.67"),           // over
			record(size, userProcess, 106, "127.0.0.1", "127.0.0.1"),
			record(size, userProcess, 107, "tmux(8).%0", ""), // tmux writes such a host
			record(size, userProcess, 108, "::ffff:198.51.100.7", ""),
		} {
			data = append(data, r...)
		}
		got := parseUtmp(data, func(pid int) bool { return pid < 900 })
		if want := addrs("198.51.100.9", "198.51.100.8", "2001:db8::9", "198.51.100.7"); !slices.Equal(got, want) {
			t.Errorf("%d bytes a record: got %v, want %v", size, got, want)
		}
	}
}

func TestLogind(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "1"), "# This is private data. Do not parse.\nUID=0\nUSER=root\nACTIVE=1\nIS_DISPLAY=0\nSTATE=active\nREMOTE=1\nTYPE=tty\nCLASS=user\nREMOTE_HOST=198.51.100.9\nSERVICE=sshd\n")
	write(t, filepath.Join(dir, "2"), "STATE=closing\nREMOTE=1\nCLASS=user\nREMOTE_HOST=198.51.100.10\n")
	write(t, filepath.Join(dir, "3"), "STATE=active\nREMOTE=0\nCLASS=user\nREMOTE_HOST=198.51.100.11\n")
	write(t, filepath.Join(dir, "4"), "STATE=active\nREMOTE=1\nCLASS=greeter\nREMOTE_HOST=198.51.100.12\n")
	write(t, filepath.Join(dir, "5"), "STATE=active\nREMOTE=1\nCLASS=user\nREMOTE_HOST=name.example.net\n")
	if got, want := LoggedIn(filepath.Join(dir, "none"), dir), addrs("198.51.100.9"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	utmp := write(t, filepath.Join(t.TempDir(), "utmp"), string(record(utmpCompat, userProcess, os.Getpid(), "198.51.100.20", "198.51.100.20")))
	if got, want := LoggedIn(utmp, dir), addrs("198.51.100.20"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v: utmp is asked first", got, want)
	}
}

// FuzzUtmp reads any bytes: each result must be an address that a remote host can have.
func FuzzUtmp(f *testing.F) {
	f.Add(record(utmpCompat, userProcess, 1, "198.51.100.9", "198.51.100.9"))
	f.Add(record(utmpLong, userProcess, 1, "name", "2001:db8::9"))
	f.Add([]byte("STATE=active\nREMOTE=1\nREMOTE_HOST=198.51.100.9\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list := parseUtmp(data, func(int) bool { return true })
		if a, ok := parseSession(string(data)); ok {
			list = append(list, a)
		}
		for _, a := range list {
			if !a.IsValid() || a.IsLoopback() || a.IsUnspecified() || a.Zone() != "" || a.Is4In6() {
				t.Fatalf("got %v", a)
			}
		}
	})
}
