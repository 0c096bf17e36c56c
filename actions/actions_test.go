package actions

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pbxjail/configs/ports"
)

func TestOpenRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		kind string
		o    Options
	}{
		"kind":       {"pf", Options{}},
		"hook":       {"observe", Options{Hook: "mangle"}},
		"capitals":   {"observe", Options{Chain: "INPUT"}},
		"option":     {"observe", Options{Chain: "-F"}},
		"shell":      {"observe", Options{Chain: "a;b"}},
		"not":        {"observe", Options{Chain: "!a"}},
		"long":       {"observe", Options{Chain: strings.Repeat("a", 28)}},
		"whitespace": {"observe", Options{Chain: "a b"}},
	} {
		e, _, err := Open(test.kind, test.o)
		if err == nil || e != nil {
			t.Errorf("%s: got %v, error %v, want an error only", name, e, err)
			continue
		}
		if h, ok := err.(interface{ Hint() string }); !ok || h.Hint() == "" {
			t.Errorf("%s: error without a hint: %v", name, err)
		}
	}
}

func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _, err := Open("observe", Options{MaxElem: 2})
		if err != nil {
			t.Fatal(err)
		}
		ban := func(p string, d time.Duration) error { return e.Ban(netip.MustParsePrefix(p), "", d) }
		count := func() (n int) {
			e.Each(func(ports.Held) { n++ })
			return n
		}
		if err := ban("192.0.2.1/32", 1500*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if err := ban("192.0.2.2/32", 0); err != nil {
			t.Fatal(err)
		}
		if err := ban("192.0.2.3/32", time.Hour); err == nil || !strings.Contains(err.Error(), "full") {
			t.Errorf("got error %v, want one that says full", err)
		}
		time.Sleep(1999 * time.Millisecond)
		if got := count(); got != 2 {
			t.Errorf("got %d bans before the end, want 2", got)
		}
		time.Sleep(time.Millisecond)
		if err := ban("192.0.2.3/32", time.Hour); err != nil {
			t.Errorf("an ended ban left no room: %v", err)
		}
		time.Sleep(time.Hour)
		if got := count(); got != 1 {
			t.Errorf("got %d bans, want the one without end", got)
		}
	})
}

// FuzzBan: what Each gives is what Ban was given, masked, never wider and never
// shorter. observe is the model.
func FuzzBan(f *testing.F) {
	f.Add([]byte{192, 0, 2, 1}, 32, int64(time.Hour))
	f.Add([]byte{192, 0, 2, 1}, 0, int64(0))
	f.Add(make([]byte, 16), 128, int64(1))
	f.Add([]byte{10: 0xff, 11: 0xff, 12: 192, 15: 1}, 100, int64(-1))
	f.Add([]byte{10: 0xff, 11: 0xff, 12: 192, 15: 1}, 90, int64(1<<63-1))
	f.Add([]byte{1, 2, 3}, -7, int64(5))
	f.Add([]byte("0000000000000000"), 123, int64(1<<63-1))
	f.Fuzz(func(t *testing.T, raw []byte, bits int, d int64) {
		addr, _ := netip.AddrFromSlice(raw)
		p, bantime := netip.PrefixFrom(addr, bits), time.Duration(d)
		e := newObserve(Options{MaxElem: 2})
		if err := e.Ban(p, "", bantime); err != nil {
			if len(e.until) > 0 {
				t.Fatalf("refused %s and banned %v", p, e.until)
			}
			return
		}
		e.Each(func(h ports.Held) {
			got, left := h.Prefix, h.Left
			if got != got.Masked() || got.Bits() == 0 || got.Addr().Is4In6() {
				t.Errorf("got member %s for %s", got, p)
			}
			// as many addresses as asked: the host part is as long
			if got.Addr().BitLen()-got.Bits() != addr.BitLen()-bits || !got.Contains(addr.Unmap()) {
				t.Errorf("got %s, want %s", got, p)
			}
			if (left == 0) != (bantime == 0) || left-time.Second > bantime || left > MaxTimeout {
				t.Errorf("got %s left of %s", left, bantime)
			}
		})
		if err := e.Unban(p); err != nil || len(e.until) > 0 {
			t.Errorf("unban %s: got %v, error %v", p, e.until, err)
		}
	})
}
