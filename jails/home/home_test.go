package home

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pbxjail/parsers"
)

func TestAccountName(t *testing.T) {
	for raw, want := range map[string]string{
		"101": "101", "sip:101@pbx.example": "101", `"A B" <sip:101@10.0.0.1:5060>`: "101", "101@pbx": "101", "": "",
		"anonymous@anonymous.invalid": "", strings.Repeat("x", 100): strings.Repeat("x", maxAccountName), "<unknown>": "unknown account",
	} {
		if want == "unknown account" {
			want = ""
		}
		if got := string(AccountName([]byte(raw))); got != want {
			t.Errorf("%q: got %q, want %q", raw, got, want)
		}
	}
}

// The two lists together are the table, whatever makes room in it.
func TestListsHoldTheTable(t *testing.T) {
	table, at := newHomeTable(), time.Date(2026, 3, 5, 6, 0, 0, 0, time.UTC)
	for i := range 3 * MostEach {
		a := netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
		for range 2 {
			table.put(Home{Addr: a, Latest: a, Account: fmt.Sprint(i % 2), Service: parsers.PJSIP, First: at, Last: at, Times: 1})
			at = at.Add(comesBack)
		}
	}
	if s, r := table.strangers.n, table.regulars.n; s+r != table.rows.n || r != 2*MostEach {
		t.Errorf("got %d strangers and %d regulars of %d rows, want %d regulars", s, r, table.rows.n, 2*MostEach)
	}
	for account, n := range table.of {
		if len(n) > MostEach {
			t.Errorf("account %s is at home at %d addresses, want at most %d", account, len(n), MostEach)
		}
	}
}
