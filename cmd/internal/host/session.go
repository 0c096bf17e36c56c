package host

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Session is what the system says about the session in which a process runs.
type Session struct {
	Login  int        // uid of the user who logged in; -1: not known
	Remote netip.Addr // from where; zero: from this machine, or not known
}

// sessionScope is the control group in which logind puts the processes of a session. sudo(8)
// and su(1) leave them there.
var sessionScope = regexp.MustCompile(`(?m)/session-([0-9A-Za-z]+)\.scope(?:/|$)`)

// noID is what the kernel shows as loginuid where none is set: (uint32)-1.
const noID = "4294967295"

// SessionOf asks the kernel and logind about the session of a process, not the process
// itself: only root can change what they say. proc is the folder of proc(5), sessions that
// of logind. What is not known stays empty.
func SessionOf(proc, sessions string, pid int) Session {
	s := Session{Login: -1}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), name))
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(text))
	}
	if text := read("loginuid"); text != noID {
		if uid, err := strconv.Atoi(text); err == nil {
			s.Login = uid
		}
	}
	id := ""
	if m := sessionScope.FindStringSubmatch(read("cgroup")); m != nil {
		id = m[1]
	} else if text := read("sessionid"); text != noID {
		if n, err := strconv.ParseUint(text, 10, 32); err == nil {
			id = fmt.Sprint(n)
		}
	}
	if id == "" {
		return s
	}
	text, err := os.ReadFile(filepath.Join(sessions, id))
	if err != nil || len(text) > 64<<10 {
		return s
	}
	s.Remote, _ = parseSession(string(text))
	return s
}
