package actions

import (
	"net/netip"
	"testing"
	"time"

	"pbxjail/actions/kerneltest"
	"pbxjail/actions/packets"
)

// switchOf is a Switch of a kind of enforcer.
func switchOf(t *testing.T, kind string, o Options) *Switch {
	t.Helper()
	s := NewSwitch(o, func() (Enforcer, []string, error) { return Open(kind, o) })
	t.Cleanup(func() { s.Close() })
	return s
}

// Off removes all that is ours and nothing else, and On restores it.
func TestSwitch(t *testing.T) {
	for _, variant := range []string{"nft", "legacy"} {
		for _, kind := range []string{"ipset", "nftables", "iptables"} {
			for _, hook := range []string{"raw", "filter"} {
				t.Run(variant+" "+kind+" "+hook, func(t *testing.T) {
					kerneltest.WithTools(t, variant)
					kerneltest.InNamespace(t)
					foreign(t)
					kerneltest.Tool(t, "ipset", "create", "pbxjail-test-4", "hash:net", "timeout", "0") // of another chain
					for _, ipt := range []string{"iptables", "ip6tables"} {
						kerneltest.Tool(t, ipt, "-t", "mangle", "-N", "office") // the table stays if another program used it
					}
					clean := firewall(t)
					testSwitch(t, kind, hook, clean)
				})
			}
		}
	}
}

func testSwitch(t *testing.T, kind, hook, clean string) {
	o := Options{Hook: hook}
	s := switchOf(t, kind, o)
	if err := s.Off(); err != nil || firewall(t) != clean {
		t.Fatalf("off at the start: got %v, and %s", err, firewall(t))
	}
	on := func() {
		t.Helper()
		if _, _, err := s.On(); err != nil || !s.IsOn() {
			t.Fatal(err)
		}
	}
	on()
	mustBan(t, s, "192.0.2.1/32", time.Hour)
	mustBan(t, s, "2001:db8::/64", 0)
	if kind != "iptables" {
		for list, err := range map[string]error{"one": s.Replace("one", nil, []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}), "gone": s.Replace("gone", nil, nil)} {
			if err != nil {
				t.Fatal(list, err)
			}
		}
	}
	rules, err := NewPacketRules(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = rules.Set([]packets.Rule{{Family: 4, About: "all", Proto: "udp", Drop: true}}); err != nil {
		t.Fatal(err)
	}
	gate, _ := OpenGate(s, o, []Port{{Service: "sipu", Proto: "udp", From: 5060, To: 5060}}, time.Now())
	defer gate.Close()
	busy := firewall(t)
	if err := s.Off(); err != nil || s.IsOn() {
		t.Fatal(err)
	}
	if got := firewall(t); got != clean {
		t.Fatalf("off: got %s\nwant %s\nof %s", got, clean, busy)
	}
	mustBan(t, s, "192.0.2.2/32", time.Hour)
	if got := firewall(t); got != clean {
		t.Fatalf("a ban while it is off: got %s", got)
	}
	on()
	if _, members, err := s.Check(); members > 0 || err != nil {
		t.Errorf("on again: got %d bans, %v, want none: the caller puts them back", members, err)
	}
	if kind != "iptables" && len(s.Lists()) != 1 {
		t.Errorf("on again: got lists %q", s.Lists())
	}
	// An observing start after one that dropped, whose enforcer is another one now.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Clear(Options{}); err != nil || firewall(t) != clean {
		t.Errorf("got %v, and %s", err, firewall(t))
	}
}
