package parsers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// refused is a registration that chan_sip refused: no text of the caller's in it can
// hold a newline, so the next line begins a record.
func refused(stamp string, n int) string {
	return fmt.Sprintf("[%s] NOTICE[4711] chan_sip.c: Registration from 'x' failed for '203.0.113.%d:5060' - Wrong password\n", stamp, n)
}

// opened is a record behind which anything may be a caller's text.
func opened(stamp string) string { return "[" + stamp + "] NOTICE[4712] app_x.c: something\n" }

// TestForeignDates: who writes a record of his own has to guess dateformat, however
// many he writes.
func TestForeignDates(t *testing.T) {
	const stamp = "Nov 22 07:24:06"
	honest := refused(stamp, 5)
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"one format", honest + opened(stamp) + refused("Nov  2 07:24:06", 6) + refused("Dec 31 23:59:59", 7), []string{"203.0.113.5", "203.0.113.6", "203.0.113.7"}},
		{"another one", honest + opened(stamp) + strings.Repeat(refused("2026-11-22 07:24:06", 6), 50) + honest, []string{"203.0.113.5"}},
		{"no date", honest + opened(stamp) + refused("", 6), []string{"203.0.113.5"}},
		{"another length", honest + opened(stamp) + refused("Nov 22 07:24:06.123", 6), []string{"203.0.113.5"}},
		{"digits for letters", honest + opened(stamp) + refused("123 22 07:24:06", 6), []string{"203.0.113.5"}},
		{"a new dateformat", honest + refused("2026-11-22 07:24:06", 6) + opened("2026-11-22 07:24:06") + refused("2026-11-22 07:24:07", 7), []string{"203.0.113.5", "203.0.113.6", "203.0.113.7"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := charged(c.text); !slices.Equal(got, c.want) {
				t.Errorf("got %v charged, want %v", got, c.want)
			}
		})
	}
}

// TestGoesOn: an address that comes after the sender's text is believed only where
// the record ends with the line, or where any end of it names the same one.
func TestGoesOn(t *testing.T) {
	cut := func(a string) string {
		return "[2024-03-05 06:07:08] NOTICE[4713] chan_iax2.c: No registration for peer 'x' (from " + a + ")\n"
	}
	thread := "[2024-03-05 06:07:08] NOTICE[4713] chan_iax2.c: Peer 'fax' is now UNREACHABLE! Time: 1\n"
	safe := func(lwp int) string {
		return fmt.Sprintf("[2024-03-05 06:07:08] NOTICE[%d] manager.c: 203.0.113.5 failed to authenticate as 'x'\n", lwp)
	}
	refused := func(lwp int) string {
		return fmt.Sprintf("[2024-03-05 06:07:08] NOTICE[%d] chan_sip.c: Registration from 'x' failed for '203.0.113.6:5060' - Wrong password\n", lwp)
	}
	const victim, other = "192.0.2.50", "203.0.113.9"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"the next line begins a record", refused(4711) + cut(victim) + refused(4711), []string{"203.0.113.6", victim}},
		{"the next line is a stranger's", cut(victim) + safe(1), []string{victim, "203.0.113.5"}},
		{"and ends as the record does", cut(victim) + "[2024-03-05 06:07:08] NOTICE[1] a: b' (from " + other + ")\n", nil},
		{"and names the same", cut(other) + "[2024-03-05 06:07:08] NOTICE[1] a: b' (from " + other + ")\n", []string{other}},
		{"the next line begins none", cut(victim) + "' (from " + other + ")\n" + safe(1), nil},
		{"nothing follows", cut(victim), []string{victim}},
		{"an empty line follows", cut(victim) + "\n" + "x' (from " + other + ")\n", nil},
		{"another who is known", thread + cut(victim) + cut(other) + refused(4711), []string{victim, other, "203.0.113.6"}},
		{"the address comes first", safe(1) + "x\n" + cut(victim), []string{"203.0.113.5"}},
		{"an account with a quote", strings.Replace(securityLine("InvalidPassword", "AMI", "TCP", ""), "1001", `a"b`, 1), nil},
		{"the same of PJSIP", strings.Replace(securityLine("InvalidAccountID", "PJSIP", "TCP", ""), "1001", `a"b`, 1), []string{"203.0.113.5"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := charged(c.text); !slices.Equal(got, c.want) {
				t.Errorf("got %v charged, want %v", got, c.want)
			}
		})
	}
}

// TestBareDigits: a day of one digit may be written with a blank before it or
// without, and a log does one of the two.
func TestBareDigits(t *testing.T) {
	const a, b, c = "Mar 9 07:24:06", "Mar 10 07:24:06", "Mar  9 07:24:06"
	for _, k := range []struct {
		name   string
		stamps []string
		want   int // records believed
	}{
		{"bare, and two digits", []string{a, b, a}, 3},
		{"two digits, and bare", []string{b, a, b}, 3},
		{"padded, and two digits", []string{c, b, c}, 3},
		{"bare, and padded", []string{a, c}, 1},
		{"padded, and bare", []string{c, a}, 1},
		{"padded, two digits, and bare", []string{c, b, a}, 2},
		{"bare, two digits, and padded", []string{a, b, c}, 2},
	} {
		var log strings.Builder
		for i, s := range k.stamps {
			if i > 0 {
				log.WriteString(opened(k.stamps[0]))
			}
			log.WriteString(refused(s, i+5))
		}
		if got := charged(log.String()); len(got) != k.want {
			t.Errorf("%s: got %v charged, want %d", k.name, got, k.want)
		}
	}
}
