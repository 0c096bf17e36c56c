package daemon

import (
	"slices"
	"testing"

	"pbxjail/cmd/internal/host"
	"pbxjail/configs"
)

// TestListeningPorts: sockets of calls and of other protocols are no transports of SIP.
func TestListeningPorts(t *testing.T) {
	site := newSite(t)
	site.write("asterisk/rtp.conf", "[general]\nrtpstart=10000\nrtpend=20000\n")
	main := &configs.Main{Asterisk: site.path("asterisk")}
	open := host.Sockets{UDP: []uint16{2727, 4520, 5000, 5062, 5070, 10000, 10001, 15060, 40001}, TCP: []uint16{2000, 5062, 8089, 15060, 40002}}
	want := []uint16{5062, 5070, 15060}
	if got := openPorts(open, main); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
