package survey

import (
	"slices"
	"testing"
	"testing/fstest"
)

func TestSSHPorts(t *testing.T) {
	for _, c := range []struct {
		main, more string
		want       []uint16
	}{
		{"#Port 22\nPermitRootLogin no\n", "", nil},
		{"Port 2222\n", "", []uint16{2222}},
		{"port=2222\nPort 22\nPort 2222\n", "Port 2022\n", []uint16{22, 2022, 2222}},
		{"ListenAddress 192.0.2.1:2200\nListenAddress [2001:db8::1]:2201\nListenAddress 2001:db8::1\nListenAddress 0.0.0.0\n", "", []uint16{2200, 2201}},
		{"Port 70000\nPort ssh\nPort\nPortable 9\n", "", nil},
	} {
		root := fstest.MapFS{"etc/ssh/sshd_config": {Data: []byte(c.main)}, "etc/ssh/sshd_config.d/a.conf": {Data: []byte(c.more)}}
		if got := sshPorts(root); !slices.Equal(got, c.want) {
			t.Errorf("%q and %q: got %v, want %v", c.main, c.more, got, c.want)
		}
	}
	if got := sshPorts(fstest.MapFS{}); got != nil {
		t.Errorf("no file: got %v", got)
	}
}
