package daemon

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pbxjail/jails/home"
	"pbxjail/parsers"
)

// TestHomesComeBeforeLines: what phones with an old password did while the daemon was down is
// read after it is known that they log in there, however much the ledger has to say.
func TestHomesComeBeforeLines(t *testing.T) {
	const office, attacker, phones = "203.0.113.50", "198.51.100.66", 30
	s := newSite(t)
	s.append(failures("198.51.100.1", 3))
	stop := s.run(s.open(), nil)
	s.append(failures("198.51.100.2", 3))
	s.banned("198.51.100.2")
	if err := stop(); err != nil {
		t.Fatal(err)
	}

	d := s.open()
	now := time.Now()
	var homes []home.Home
	for i := range 30_000 {
		last := now.Add(-time.Minute)
		homes = append(homes, home.Home{
			Addr: netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), Account: fmt.Sprint(i), Service: parsers.PJSIP, First: last, Last: last, Times: 2,
		})
	}
	for i := range phones { // read last: they logged in the longest ago
		last := now.Add(-time.Hour)
		homes = append(homes, home.Home{
			Addr: netip.MustParseAddr(office), Account: fmt.Sprint(100 + i), Service: parsers.PJSIP, First: last.Add(-time.Hour), Last: last, Times: 2,
		})
	}
	if err := d.store.SaveHomes(homes); err != nil {
		t.Fatal(err)
	}
	s.append(failures(office, phones))
	s.run(d, nil)
	s.append(failures(attacker, 3))
	s.banned(attacker) // its lines come last
	list, err := s.client().Bans(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range list {
		if b.Prefix.Addr().String() == office {
			t.Errorf("got a ban of the office: %s", b.Reason)
		}
	}
}

// TestLogInsBeforeTheirJail: jailctl setup switches on a jail of another program. Log-ins that its
// log already has make their accounts known, also where the ledger is not new.
func TestLogInsBeforeTheirJail(t *testing.T) {
	for _, phones := range []int{0, 1} { // what the ledger has
		s := newSite(t)
		now := time.Now()
		s.write("jails/sshd.yaml", "enabled: true\nlogs: ["+s.path("logs/auth.log")+"]\n")
		line := func(text string) string {
			return now.Add(-time.Hour).Format(time.RFC3339) + " pbx sshd[1638]: " + text + "\n"
		}
		s.write("logs/auth.log", line("Accepted publickey for root from 203.0.113.9 port 40022 ssh2: ED25519 SHA256:abc")+line("Failed password for root from 203.0.113.10 port 40022 ssh2"))
		d := s.open()
		if phones > 0 {
			if err := d.store.SaveHomes([]home.Home{{Addr: netip.MustParseAddr("203.0.113.50"), Account: "101", Service: parsers.PJSIP, First: now, Last: now, Times: 2}}); err != nil {
				t.Fatal(err)
			}
		}
		s.run(d, nil)
		s.append(failures("198.51.100.66", 3))
		s.banned("198.51.100.66")
		var got []string
		for _, l := range d.warden.LoggedIn(now) {
			got = append(got, l.Addr.String()+" "+l.Service.String())
		}
		if want := []string{"203.0.113.50 pjsip", "203.0.113.9 ssh"}[1-phones:]; !slices.Equal(slices.Sorted(slices.Values(got)), want) {
			t.Errorf("%d phones in the database: got %v, want %v", phones, got, want)
		}
	}
}
