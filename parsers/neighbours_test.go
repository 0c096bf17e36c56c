package parsers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// wrongLogin is a line of AMI with a given date.
func wrongLogin(stamp string, n int) string {
	return fmt.Sprintf("[%s] NOTICE[1] manager.c: 203.0.113.%d failed to authenticate as 'x'\n", stamp, n)
}

// TestForeignDates: who writes a record of his own has to guess dateformat.
func TestForeignDates(t *testing.T) {
	honest := wrongLogin("Nov 22 07:24:06", 5)
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"one format", honest + wrongLogin("Nov  2 07:24:06", 6) + wrongLogin("Dec 31 23:59:59", 7), []string{"203.0.113.5", "203.0.113.6", "203.0.113.7"}},
		{"another one", honest + wrongLogin("2026-11-22 07:24:06", 6) + honest, []string{"203.0.113.5"}},
		{"no date", honest + wrongLogin("", 6), []string{"203.0.113.5"}},
		{"another length", honest + wrongLogin("Nov 22 07:24:06.123", 6), []string{"203.0.113.5"}},
		{"digits for letters", honest + wrongLogin("123 22 07:24:06", 6), []string{"203.0.113.5"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := charged(c.text); !slices.Equal(got, c.want) {
				t.Errorf("got %v charged, want %v", got, c.want)
			}
		})
	}
}

// TestNewDateformat: an admin may change it, and is believed when it stays so.
func TestNewDateformat(t *testing.T) {
	p := New(Clock{})
	p.Block([]byte(wrongLogin("Nov 22 07:24:06", 5)), false, time.Time{}, func(*Event) {})
	doubted := 0
	for range 2 * otherShapes {
		p.Block([]byte(wrongLogin("2026-11-22 07:24:06", 6)), false, time.Time{}, func(e *Event) {
			if e.Result != Offence {
				doubted++
			}
		})
	}
	if doubted != otherShapes-1 {
		t.Errorf("got %d records doubted, want %d", doubted, otherShapes-1)
	}
}

// TestGoesOn: an address that comes after the sender's text is believed only where
// the record ends with the line; what follows is tainted.
func TestGoesOn(t *testing.T) {
	cut := "[2024-03-05 06:07:08] NOTICE[1] chan_iax2.c: No registration for peer 'x' (from 192.0.2.50)\n"
	safe := "[2024-03-05 06:07:08] NOTICE[1] manager.c: 203.0.113.5 failed to authenticate as 'x'\n"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"the next line begins a record", cut + safe, []string{"192.0.2.50", "203.0.113.5"}},
		{"the next line begins none", cut + "' (from 203.0.113.9)\n" + safe, nil},
		{"nothing follows", cut, []string{"192.0.2.50"}},
		{"an empty line follows", cut + "\n" + safe, []string{"192.0.2.50", "203.0.113.5"}},
		{"the address stands first", safe + "x\n" + cut, []string{"203.0.113.5", "192.0.2.50"}},
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
			log.WriteString(wrongLogin(s, i+5))
		}
		if got := charged(log.String()); len(got) != k.want {
			t.Errorf("%s: got %v charged, want %d", k.name, got, k.want)
		}
	}
}
