package daemon

import (
	"log/slog"
	"slices"
	"testing"

	"pbxjail/actions"
	"pbxjail/cmd/internal/host"
	"pbxjail/configs"
	"pbxjail/configs/ports"
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

// The firewall begins with the ports that bans of the database close: the enforcer empties
// the set of a group that it does not know, and packets would pass until the restore.
func TestFirstPorts(t *testing.T) {
	site := newSite(t)
	main := &configs.Main{Asterisk: site.path("asterisk")}
	byHand, err := ports.Parse("8443/tcp")
	if err != nil {
		t.Fatal(err)
	}
	g := &portGroups{log: slog.New(slog.DiscardHandler), settings: func() *configs.Main { return main }, sight: newAsteriskSight(t.TempDir())}
	first := g.first(nil, []ports.Set{byHand})
	if !slices.ContainsFunc(first, func(p actions.Port) bool { return p.From == 8443 && p.Proto == "tcp" }) {
		t.Errorf("got %v, want 8443/tcp in it", first)
	}
}
