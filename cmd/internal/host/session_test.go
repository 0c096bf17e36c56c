package host

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

func TestSessionOf(t *testing.T) {
	const open = "UID=1000\nSTATE=active\nREMOTE=1\nCLASS=user\nREMOTE_HOST=203.0.113.5\nSERVICE=sshd\n"
	const localOne = "UID=1000\nSTATE=active\nREMOTE=0\nCLASS=user\n"
	tests := []struct {
		name  string
		proc  map[string]string // files of the process
		files map[string]string // sessions
		want  Session
	}{
		{"by its control group", map[string]string{"cgroup": "0::/user.slice/user-1000.slice/session-7.scope\n", "loginuid": "1000"},
			map[string]string{"7": open}, Session{1000, netip.MustParseAddr("203.0.113.5")}},
		{"by the number of the kernel", map[string]string{"cgroup": "0::/\n", "loginuid": "1000\n", "sessionid": "12\n"},
			map[string]string{"12": open}, Session{1000, netip.MustParseAddr("203.0.113.5")}},
		{"at the machine itself", map[string]string{"cgroup": "0::/user.slice/user-1000.slice/session-c2.scope/more", "loginuid": "1000"},
			map[string]string{"c2": localOne}, Session{1000, netip.Addr{}}},
		{"no session", map[string]string{"cgroup": "0::/system.slice/cron.service\n", "loginuid": noID, "sessionid": noID}, nil, Session{Login: -1}},
		{"a path that leads elsewhere", map[string]string{"cgroup": "0::/session-../../x.scope\n"}, map[string]string{"x": open}, Session{Login: -1}},
		{"the session has ended", map[string]string{"cgroup": "0::/session-7.scope", "loginuid": "0"}, nil, Session{Login: 0}},
		{"no process", nil, nil, Session{Login: -1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			proc, sessions := t.TempDir(), t.TempDir()
			if err := os.Mkdir(filepath.Join(proc, "42"), 0o755); err != nil {
				t.Fatal(err)
			}
			for dir, files := range map[string]map[string]string{filepath.Join(proc, "42"): test.proc, sessions: test.files} {
				for name, text := range files {
					if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			if got := SessionOf(proc, sessions, 42); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}
