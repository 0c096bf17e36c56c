package warden

import (
	"testing"
	"time"

	"pbxjail/configs/ports"
)

// The kernel closes the ports of the book, also after other programs changed them. A ban
// that is only in the kernel keeps the ports that it was found with.
func TestPortsAreHeld(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		p := prefix("203.0.113.9/32")
		closed := func(want ports.Set, when string) {
			t.Helper()
			s.kernel.mu.Lock()
			defer s.kernel.mu.Unlock()
			if got := s.kernel.closed[p]; got != want {
				t.Errorf("%s: got %s closed, want %s", when, got, want)
			}
		}
		set := func(to ports.Set) {
			s.kernel.mu.Lock()
			defer s.kernel.mu.Unlock()
			s.kernel.closed[p] = to
		}
		s.attack("203.0.113.9", 2)
		closed("sip", "banned")
		for _, wrong := range []ports.Set{ports.All, "iax", "iax,sip"} {
			set(wrong)
			pass(61 * time.Second)
			closed("sip", "after a comparison")
		}
		pass(2 * time.Hour)
		s.attack("203.0.113.9", 2)
		pass(3 * time.Hour)
		s.attack("203.0.113.9", 2)
		closed(ports.All, "the third ban")
		pass(time.Second)
		s.restart(nil, nil)
		closed(ports.All, "after a restart")
		if b := s.ban("203.0.113.9/32"); b.Ports != ports.All || b.Strike != 3 {
			t.Errorf("got %+v, want strike 3 for all", b)
		}
		p = prefix("203.0.113.10/32")
		s.kernel.put("203.0.113.10/32", time.Hour)
		set("iax,sip")
		pass(61 * time.Second)
		if b := s.ban("203.0.113.10/32"); b.Ports != "iax,sip" || b.By != "kernel" {
			t.Errorf("got %+v, want it adopted with its ports", b)
		}
	})
}

func TestJoined(t *testing.T) {
	held := func(p, group string, left time.Duration) ports.Held {
		return ports.Held{Prefix: prefix(p), Group: group, Left: left, Packets: 1}
	}
	var l members
	for _, h := range []ports.Held{held("192.0.2.1/32", "sip", time.Hour), held("192.0.2.2/32", "", time.Hour), held("192.0.2.3/32", "", time.Hour),
		held("192.0.2.1/32", "iax", time.Hour), held("192.0.2.2/32", "sip", time.Hour), held("192.0.2.4/32", "sip", time.Hour), held("192.0.2.4/32", "iax", time.Minute)} {
		l.add(h)
	}
	got := map[string]kernelBan{}
	for _, f := range l.joined() {
		got[f.prefix.Addr().String()] = f
	}
	for a, want := range map[string]map[ports.Set]bool{
		"192.0.2.1": {"iax,sip": true, "sip": false, ports.All: false},
		"192.0.2.2": {"sip": false, ports.All: false}, // both: it is put right
		"192.0.2.3": {ports.All: true, "sip": false},
		"192.0.2.4": {"iax,sip": false}, // one of them ends too early
	} {
		for to, ok := range want {
			if got[a].closes(to) != ok {
				t.Errorf("%s: got %t for %s, of %+v", a, !ok, to, got[a])
			}
		}
	}
	if len(got) != 4 || got["192.0.2.1"].packets != 2 {
		t.Errorf("got %+v, want one of each", got)
	}
}
