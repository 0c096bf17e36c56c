package store

import (
	"bytes"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"pbxjail/jails/book"
	"pbxjail/jails/home"
	"pbxjail/parsers"
)

func TestMentions(t *testing.T) {
	for _, test := range []struct {
		text          string
		prefix, named string
		want          string
	}{
		{"failed for '203.0.113.9:5071' - x", "203.0.113.9/32", "", "failed for '(erased):5071' - x"},
		{"of 203.0.113.9.", "203.0.113.9/32", "", "of (erased)."},
		{"203.0.113.91 and 1203.0.113.9", "203.0.113.9/32", "", "203.0.113.91 and 1203.0.113.9"},
		{"IPV4/UDP/203.0.113.9/5060", "203.0.113.9/32", "", "IPV4/UDP/(erased)/5060"},
		{"[2001:DB8:0::9]:5060 2001:db8::9: x", "2001:db8::9/128", "", "[(erased)]:5060 (erased): x"},
		{"::ffff:203.0.113.9 a", "203.0.113.9/32", "", "(erased) a"},
		{"203.0.113.9 203.0.114.1", "203.0.113.0/24", "", "(erased) 203.0.114.1"},
		{"'sip:201@x' 2012 201", "", "201", "'sip:(erased)@x' 2012 (erased)"},
		{"", "203.0.113.9/32", "", ""},
	} {
		target := Target{Account: test.named}
		if test.prefix != "" {
			target.Prefix = netip.MustParsePrefix(test.prefix)
		}
		if got := target.without(test.text); got != test.want {
			t.Errorf("%q without %v: got %q, want %q", test.text, target, got, test.want)
		}
		if got := target.mentioned([]byte(test.text)); got != (test.text != test.want) {
			t.Errorf("%q mentions %v: got %t", test.text, target, got)
		}
	}
}

func TestShortenedText(t *testing.T) {
	for text, want := range map[string]string{
		"203.0.113.9/32 for 1h":              "203.0.113.0/24 for 1h",
		"203.0.113.0/24":                     "203.0.113.0/24",
		"198.51.0.0/16":                      "198.51.0.0/16",
		"at 203.0.113.9, 2001:db8:1:2::9/64": "at 203.0.113.0/24, 2001:db8:1::/48",
		"203.0.113.9/ and 203.0.113.9/x":     "203.0.113.0/24/ and 203.0.113.0/24/x",
		"reload":                             "reload",
	} {
		if got := shortened(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
		if again := shortened(want); again != want {
			t.Errorf("%q: got %q the second time", text, again)
		}
	}
}

// FuzzMentions: what was taken out of a text is not in it any more, and the rest is.
func FuzzMentions(f *testing.F) {
	f.Add("failed for '203.0.113.9:5071' by \"201\" [2001:db8::9]:1 ::ffff:203.0.113.9 203.0.113.9/32")
	f.Fuzz(func(t *testing.T, text string) {
		for _, target := range []Target{{Prefix: netip.MustParsePrefix("203.0.113.9/32")}, {Prefix: netip.MustParsePrefix("2001:db8::/32")}, {Account: "201"}} {
			got := target.without(text)
			if target.mentioned([]byte(got)) {
				t.Errorf("%q without %v is %q, which still names it", text, target, got)
			}
			if !target.mentioned([]byte(text)) && got != text {
				t.Errorf("got %q of %q, which does not name %v", got, text, target)
			}
		}
	})
}

// spread writes an address and an account to every place where the ledger can have them.
func spread(t *testing.T, s *Store, addr, account string) {
	t.Helper()
	p := netip.MustParsePrefix(addr + "/32")
	over := banOf(addr+"/32", time.Hour)
	over.Lines = []book.Line{lineOf("failed for '" + addr + ":5071' " + account)}
	over.Lines[0].Account, over.Lines[0].Number = parsers.TextOf([]byte(account)), parsers.TextOf([]byte("0900"+account))
	network := banOf("192.0.2.0/24", time.Hour)
	network.Lines = []book.Line{lineOf("another"), lineOf("failed for '" + addr + "' <sip:" + account + "@x>")}
	record(t, s, over, network)
	if err := s.SaveHomes([]home.Home{{Addr: p.Addr(), Latest: p.Addr(), Account: account, Service: parsers.PJSIP, First: start, Last: start, Times: 1}}); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveAlarms([]home.AlarmChange{{Guessed: home.Guessed{Addr: p.Addr(), Account: account, Service: parsers.PJSIP, Guesses: 7, At: start}}}); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveMoments([]book.Moment{{Kind: book.LetOut, Prefix: p, At: start, Until: start.Add(time.Hour), Why: "x"}}, start); err != nil {
		t.Fatal(err)
	}
	if err := s.Note(Entry{At: start, Verb: "ack", What: "alarms about " + account + " at " + addr, SSH: p.Addr()}); err != nil {
		t.Fatal(err)
	}
}

// bytesOf are those of all files of the ledger.
func bytesOf(t *testing.T, s *Store) (all []byte) {
	t.Helper()
	for _, part := range []string{"", "-wal"} {
		b, err := os.ReadFile(s.path + part)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}

func TestErase(t *testing.T) {
	const addr, other, account = "203.0.113.9", "198.51.100.177", "zebra-account-77"
	for _, test := range []struct {
		name   string
		target Target
		gone   []string
		left   []string
	}{
		{"address", Target{Prefix: netip.MustParsePrefix(addr + "/32")}, []string{addr}, []string{other, account}},
		{"network", Target{Prefix: netip.MustParsePrefix("203.0.113.0/24")}, []string{addr}, []string{other, account}},
		{"account", Target{Account: account}, []string{account}, []string{other, addr}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := openStore(t, newPath(t))
			flood(t, s, 0, 3000) // more than one page, which SQLite moves about
			if test.target.Account == "" {
				spread(t, s, other, "another-account")
				spread(t, s, other, account)
				spread(t, s, addr, account)
			} else {
				spread(t, s, addr, "another-account")
				spread(t, s, other, "another-account")
				spread(t, s, "192.0.2.200", account)
			}
			for _, text := range append(test.gone, test.left...) {
				if !bytes.Contains(bytesOf(t, s), []byte(text)) {
					t.Fatalf("%s is not in the file before: the test is wrong", text)
				}
			}
			e, err := s.Erase(test.target, start.Add(2*time.Hour))
			if err != nil || e.Lines == 0 || e.LogIns == 0 || e.Alarms == 0 || e.Audit == 0 || len(e.Running) != 0 {
				t.Fatalf("got %+v, %v", e, err)
			}
			if err := s.Scrub(); err != nil {
				t.Fatal(err)
			}
			all := bytesOf(t, s)
			for _, text := range test.gone {
				if i := bytes.Index(all, []byte(text)); i >= 0 {
					t.Errorf("%s is left: %q", text, all[max(0, i-60):min(len(all), i+60)])
				}
			}
			for _, text := range test.left {
				if !bytes.Contains(all, []byte(text)) {
					t.Errorf("%s is gone, too", text)
				}
			}
			if err := s.check(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A ban that runs stays, and says no more than what is needed to hold it.
func TestEraseLeavesRunningBan(t *testing.T) {
	s := openStore(t, newPath(t))
	running := banOf("203.0.113.9/32", book.Forever)
	running.Lines, running.Sum = []book.Line{lineOf("203.0.113.9 did it")}, &book.Reckoning{Score: 5}
	record(t, s, running)
	if err := s.Allow(book.Allowed{Prefix: netip.MustParsePrefix("203.0.113.9/32"), Since: start}); err != nil {
		t.Fatal(err)
	}
	e, err := s.Erase(Target{Prefix: running.Prefix}, start.Add(time.Hour))
	if err != nil || len(e.Running) != 1 || e.Bans != 0 || e.Lines != 1 || strings.Join(e.Allowed, " ") != "203.0.113.9" {
		t.Fatalf("got %+v, %v", e, err)
	}
	wantPrefixes(t, liveBans(t, reopen(t, s), start), "203.0.113.9/32")
}
