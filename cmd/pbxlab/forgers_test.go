package main

import (
	"net/netip"
	"strings"
	"testing"

	"pbxjail/cmd/internal/lab"
)

func TestEveryForgeryNamesItsVictim(t *testing.T) {
	victim := netip.MustParseAddr("203.0.113.200")
	all := texts("LIE0001", victim)
	if len(all) < 15 {
		t.Fatalf("got %d forgeries, want the whole file", len(all))
	}
	for _, text := range append(all, named(forgedBody, "", victim)) {
		if !strings.Contains(text, victim.String()) {
			t.Errorf("%q names no address", text)
		}
		for _, word := range []string{"VICTIM", "NOW", "MARK"} {
			if strings.Contains(text, word) {
				t.Errorf("%q still has %s", text, word)
			}
		}
	}
}

// Everybody has an address of his own: whose a ban is must be known.
func TestAddressesAreOnesOwn(t *testing.T) {
	s := &scene{version: "16", guests: true}
	owner := map[netip.Addr]string{lab.PBX4: "the PBX", lab.PBX6: "the PBX"}
	claim := func(addr netip.Addr, who string) {
		if other, taken := owner[addr]; taken {
			t.Errorf("%s is %s and %s", addr, who, other)
		}
		owner[addr] = who
	}
	for _, a := range attackers(s) {
		claim(a.addr, a.what)
	}
	for i := range allLies(s) {
		claim(liar(i), "a liar")
		if !lies.Contains(liar(i)) {
			t.Errorf("%s is outside %s", liar(i), lies)
		}
	}
	for _, addr := range strangers {
		claim(addr, "a stranger")
	}
}

func TestPercent(t *testing.T) {
	if got, want := percent("x: \n'"), "x%3A%20%0A%27"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
