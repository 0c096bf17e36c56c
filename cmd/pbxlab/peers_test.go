package main

import (
	"bytes"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"pbxjail/cmd/internal/lab/madelog"
)

// TestMadeLogMatchesItsTruth holds the truth of a made log against expressions of its own.
func TestMadeLogMatchesItsTruth(t *testing.T) {
	attack := regexp.MustCompile(strings.Join(greps, "|"))
	for _, kind := range []string{"full", "security"} {
		var log, again bytes.Buffer
		truth, err := madelog.Write(&log, kind, 4000)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := madelog.Write(&again, kind, 4000); err != nil || !bytes.Equal(log.Bytes(), again.Bytes()) {
			t.Errorf("%s: two logs of the same kind differ (%v)", kind, err)
		}
		lines, attacks := 0, 0
		for line := range strings.Lines(log.String()) {
			lines++
			if attack.MatchString(strings.TrimSuffix(line, "\n")) {
				attacks++
			}
		}
		sum := 0
		for _, n := range truth.Addrs {
			sum += n
		}
		if lines != 4000 || lines != truth.Lines || attacks == 0 || attacks != truth.Attacks || sum != attacks || truth.Bytes != int64(log.Len()) {
			t.Errorf("%s: %d lines, %d attacks, %d bytes; the truth says %d, %d (of addresses %d), %d", kind, lines, attacks, log.Len(), truth.Lines, truth.Attacks, sum, truth.Bytes)
		}
	}
}

// TestEachAttackerHasAnAddress: a ban must show which attacker it is, and no byte is 0.
func TestEachAttackerHasAnAddress(t *testing.T) {
	seen := map[netip.Addr]bool{}
	for i := range 200_000 {
		a := madelog.Attacker(i)
		b := a.As4()
		if seen[a] || bytes.IndexByte(b[:], 0) >= 0 {
			t.Fatalf("address %d is %s: it was there before, or it has a 0", i, a)
		}
		seen[a] = true
	}
}

// TestForgedFormsNameBoth: each form names its innocent, and no mark is left over.
func TestForgedFormsNameBoth(t *testing.T) {
	count := 0
	for _, channel := range []string{"NOTICE", "SECURITY"} {
		text, list := innocentLog(channel)
		if strings.ContainsAny(text, "{}") {
			t.Errorf("%s: a mark is left over", channel)
		}
		for _, c := range list {
			count++
			if !strings.Contains(text, c.innocent.String()) {
				t.Errorf("%s: %q does not name %s", channel, c.what, c.innocent)
			}
		}
	}
	if want := len(forgedForms) + len(honestForms); count != want {
		t.Errorf("got %d forms, want %d", count, want)
	}
}

func TestAddressesOfSets(t *testing.T) {
	got := addressesIn("-A f2b -s 203.0.113.9/32 -j REJECT\nelements = { 203.0.113.7 timeout 4h expires 3h59m, 2001:db8::1 expires 2s }")
	for _, want := range []string{"203.0.113.9", "203.0.113.7", "2001:db8::1"} {
		if !got[netip.MustParseAddr(want)] {
			t.Errorf("%s is not among %v", want, got)
		}
	}
	if len(got) != 3 {
		t.Errorf("got %v, want three", got)
	}
}
