package nft

import (
	"iter"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pbxjail/actions/kernel"
	"pbxjail/actions/kerneltest"
	"pbxjail/configs/ports"
)

// many yields n bans of an hour, from the address with the number first on.
func many(first, n int) iter.Seq[ports.Ban] {
	return func(yield func(ports.Ban) bool) {
		for i := first; i < first+n; i++ {
			if !yield(ports.Ban{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32), For: time.Hour}) {
				return
			}
		}
	}
}

func opened(t *testing.T, most uint32) *Enforcer {
	t.Helper()
	kerneltest.InNamespace(t)
	e, err := Open(kernel.Options{Chain: "pbxjail", Hook: "raw", MaxElem: most})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	if _, _, err := e.Setup(); err != nil {
		t.Fatal(err)
	}
	return e
}

func heldBy(t *testing.T, e *Enforcer) (n int) {
	t.Helper()
	if err := e.Each(func(ports.Held) { n++ }); err != nil {
		t.Fatal(err)
	}
	return n
}

// A set takes more members than sets of a fixed size did.
func TestGrowth(t *testing.T) {
	const n = 270_000
	e := opened(t, 1<<20)
	if err := e.BanAll(many(0, n)); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, n - 1, n} { // to list them all would take seconds
		for b := range many(i, 1) {
			if found, err := e.has("ban4-32", b.Prefix); found != (i < n) || err != nil {
				t.Errorf("%s: got %t, error %v", b.Prefix, found, err)
			}
		}
	}
}

// A set takes its maximum of members and no more; a member that ends makes room.
func TestRoom(t *testing.T) {
	const most = 2000
	e := opened(t, most)
	full := func(err error, want bool) {
		t.Helper()
		if got := err != nil && strings.Contains(err.Error(), "is full"); got != want || err != nil && !got {
			t.Fatalf("got error %v, want full %t", err, want)
		}
	}
	full(e.BanAll(many(0, most-100)), false)
	full(e.BanAll(many(0, most-100)), false) // again
	full(e.BanAll(many(0, most+100)), true)
	if got := heldBy(t, e); got != most {
		t.Errorf("got %d bans, want %d", got, most)
	}
	full(e.BanAll(many(0, 10)), false) // to renew takes no room
	full(e.BanAll(many(most, 1)), true)
	if err := e.Unban(netip.MustParsePrefix("10.0.0.1/32")); err != nil {
		t.Fatal(err)
	}
	full(e.BanAll(many(most, 1)), false)
	full(e.BanAll(many(most+1, 1)), true)
	kerneltest.Tool(t, "nft", "flush", "set", "inet", "pbxjail", "ban4-32")
	heldBy(t, e)
	full(e.BanAll(many(0, most)), false)
	full(e.BanAll(many(most, 1)), true)

	next, err := Open(kernel.Options{Chain: "pbxjail", Hook: "raw", MaxElem: most})
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if _, _, err := next.Setup(); err != nil {
		t.Fatal(err)
	}
	if got := heldBy(t, next); got != most {
		t.Errorf("got %d bans, want %d", got, most)
	}
	full(next.BanAll(many(most, 1)), true)
}

// The kernel moves the members of a set that grows to a larger table. A list that is made
// meanwhile has some members twice and others not at all. Each gives each ban once.
func TestListWhileGrowing(t *testing.T) {
	const n, part = 15_000, 300
	e := opened(t, 1<<20)
	for i := 0; i < n; i += part {
		if err := e.BanAll(many(i, part)); err != nil {
			t.Fatal(err)
		}
		found, twice := map[netip.Prefix]bool{}, 0
		if err := e.Each(func(h ports.Held) {
			if found[h.Prefix] {
				twice++
			}
			found[h.Prefix] = true
		}); err != nil {
			t.Fatal(err)
		}
		if twice > 0 || len(found) != i+part {
			t.Fatalf("of %d bans, Each gave %d, and %d of them twice", i+part, len(found), twice)
		}
	}
}
