package parsers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestUserNames: behind the wrong password of a user who exists nothing is in doubt.
// After a user that a caller invented it is in doubt, however its A1 is written.
func TestUserNames(t *testing.T) {
	const honest, victim = "198.51.100.7", "192.0.2.50"
	wrong := func(lwp int) string {
		return fmt.Sprintf("NOTICE[%d] manager.c: 203.0.113.5 failed to authenticate as 'x'", lwp)
	}
	stranger := func(lwp int) string {
		return fmt.Sprintf("NOTICE[%d] manager.c: 203.0.113.5 tried to authenticate with nonexistent user 'x'", lwp)
	}
	const acl = "NOTICE[5003] manager.c: 203.0.113.5 failed to pass IP ACL as 'x'"
	far := lines(repeated("NOTICE[5001] loader.c: x", farFromStart+1)...)
	known := lines(wrong(5003)) + lines(repeated("NOTICE[5001] loader.c: "+strings.Repeat(".", 99), 80)...) + lines(provenThread)
	long := insideStamp + "NOTICE[5005] app_x.c: " + strings.Repeat(".", 8191-22-22)
	for _, c := range []struct {
		name, log string
		believed  bool // what follows
	}{
		{"the first of a log", lines(wrong(5003)), false},
		{"far from its start", far + lines(wrong(5003)), true},
		{"after another one", known + lines(wrong(5004)), true},
		{"a refused address", lines(acl), true},
		{"a made-up user", known + lines(stranger(5004)), false},
		{"the wrong password of a made-up user", known + lines(stranger(5004), "WARNING[5001] loader.c: x", wrong(5004)), false},
		{"in the next line, by the same thread", known + lines(stranger(5004), wrong(5004)), true},
		{"in the next line, by another thread that is known", known + lines(stranger(5004), wrong(5003)), false},
		{"in the next line, with another name", known + lines(stranger(5004), strings.Replace(wrong(5004), "'x'", "'y'", 1)), false},
		{"numbers that are no secret", strings.ReplaceAll(strings.ReplaceAll(known, "[500", "[50"), "[53]", "[54]") + lines(stranger(55), wrong(55)), false},
		{"its A1 glued to a record that was cut", known + long + lines(stranger(5004)) + lines(wrong(5004)), false},
		{"records were lost", known + lines("WARNING[5001] logger: Log queue threshold (1000) exceeded.  Discarding new messages.", wrong(5004)), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			forged := lines(victimThread) + insideStamp + "NOTICE[1] a: b'\n"
			if got := slices.Contains(charged(c.log+forged), victim); got != c.believed {
				t.Errorf("got the next record believed: %v, want %v", got, c.believed)
			}
			if got := charged(c.log + lines(repeated(otherThread, 100)...)); c.believed && !slices.Contains(got, honest) {
				t.Errorf("got %v charged, want the honest record behind", got)
			}
		})
	}
}

// TestUserNamesInCutLines: of a line that is longer than what is read of it, the end may
// hold an A1.
func TestUserNamesInCutLines(t *testing.T) {
	wrong := lines("NOTICE[5003] manager.c: 203.0.113.5 failed to authenticate as 'x'")
	far := lines(repeated("NOTICE[5001] loader.c: x", farFromStart+1)...)
	for _, cut := range []bool{false, true} {
		p, got := New(Clock{}), false
		emit := func(e *Event) { got = got || e.Result == Offence && e.Addr.String() == "192.0.2.50" }
		for _, block := range []struct {
			text string
			cut  bool
		}{{far, false}, {lines("NOTICE[5001] loader.c: x"), cut}, {far[:100*len(far)/(farFromStart+1)], false}, {wrong + lines(victimThread) + insideStamp + "NOTICE[1] a: b'\n", false}} {
			p.Block([]byte(block.text), block.cut, time.Time{}, emit)
		}
		if got == cut {
			t.Errorf("cut %v: got what follows believed: %v", cut, got)
		}
	}
}
