package daemon

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"pbxjail/configs"
)

// TestTrustsFollowTheFiles: what is kept in between must not outlive a change.
func TestTrustsFollowTheFiles(t *testing.T) {
	dir := t.TempDir()
	d := &Daemon{log: slog.New(slog.DiscardHandler), main: &configs.Main{Asterisk: dir}}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "sip.conf"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := func(addr string) {
		t.Helper()
		got := d.readTrusts()
		if len(got) != 1 || got[0].Prefix.Addr() != netip.MustParseAddr(addr) {
			t.Errorf("got %+v, want %s alone", got, addr)
		}
	}
	if got := d.readTrusts(); len(got) != 0 {
		t.Errorf("got %+v of an empty folder, want nobody", got)
	}
	write("[trunk]\nhost=198.51.100.77\n")
	want("198.51.100.77")
	want("198.51.100.77")
	write("[trunk]\nhost=198.51.100.7\n")
	want("198.51.100.7")
}
