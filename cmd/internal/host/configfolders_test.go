package host

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestConfigFolders(t *testing.T) {
	proc, here, there := t.TempDir(), t.TempDir(), t.TempDir()
	process := func(pid, name, root string, args ...string) {
		dir := filepath.Join(proc, pid)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "comm"), name+"\n")
		write(t, filepath.Join(dir, "cmdline"), strings.Join(args, "\x00")+"\x00")
		if err := os.Symlink(root, filepath.Join(dir, "root")); err != nil {
			t.Fatal(err)
		}
	}
	process("self", "pbxjail", here)
	process("1", "asterisk", here, "/usr/sbin/asterisk", "-f", "-C", "/srv/a/asterisk.conf")
	process("2", "asterisk", here, "/usr/sbin/asterisk", "-C/srv/b/asterisk.conf")
	process("3", "asterisk", here, "/usr/sbin/asterisk", "-g")
	process("4", "asterisk", there, "/usr/sbin/asterisk", "-C", "/srv/container/asterisk.conf")
	process("5", "other", here, "other", "-C", "/srv/other/asterisk.conf")
	process("6", "asterisk", here, "asterisk", "-C", "etc/asterisk.conf")
	process("7", "asterisk", here, "asterisk", "-C")
	process("8", "asterisk", here, "asterisk", "-C", "/srv/a/asterisk.conf")
	if got, want := ConfigFolders(proc, "asterisk"), []string{"/srv/a", "/srv/b"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := ConfigFolders(t.TempDir(), "asterisk"); got != nil {
		t.Errorf("got %v where nothing runs", got)
	}
}
