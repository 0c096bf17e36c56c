package fraud

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"pbxjail/configs"
	"pbxjail/parsers"
)

var seven = time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)

func rules(t testing.TB, home ...string) configs.Fraud {
	t.Helper()
	m, err := configs.LoadMain("does-not-exist.yaml", false)
	if err != nil {
		t.Fatal(err)
	}
	m.Fraud.Home = home
	return m.Fraud
}

func sense(t testing.TB, home ...string) *Sense {
	return New(configs.ShippedNumbers(), rules(t, home...), 1000)
}

func from(n int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, byte(n >> 8), byte(n)}) }

// hear returns what is found for one attempt, as the admin reads it.
func hear(s *Sense, a Attempt, now time.Time) (found []string) {
	s.Hear(a, now, func(f Finding) { found = append(found, f.String()) })
	return found
}

func missing(n int, account string) Attempt {
	return Attempt{Addr: from(n), Account: text(account), Unknown: true}
}

func wrong(n int, account string) Attempt {
	return Attempt{Addr: from(n), Account: text(account), Failed: true}
}

func guest(n int, number string) Attempt {
	return Attempt{Addr: from(n), Number: text(number), Guest: true}
}

func TestRules(t *testing.T) {
	names := func(make func(int, string) Attempt, list ...string) (all []Attempt) {
		for _, name := range list {
			all = append(all, make(1, name))
		}
		return all
	}
	spread := func(make func(int, string) Attempt, n int, name string) (all []Attempt) {
		for i := range n {
			all = append(all, make(i, name))
		}
		return all
	}
	far := []string{"ab", "cd", "ef", "gh", "ij", "kl", "mn", "op", "qr", "st", "uv", "wx", "yz"}
	for _, c := range []struct {
		name  string
		heard []Attempt
		want  string // what is found for the last of them
	}{
		{"five unknown accounts", names(missing, far[:5]...), ""},
		{"six", names(missing, far[:6]...), "enumeration: 6 accounts"},
		{"the sixth is known already", names(missing, append(far[:5:5], "ab", "cd", "ef")...), ""},
		{"the same, written otherwise", names(missing, append(far[:5:5], "sip:ab@192.0.2.10", `"x" <sip:cd@192.0.2.10>`)...), ""},
		{"a name that is no account", names(missing, append(far[:5:5], "<unknown>", "anonymous", "")...), ""},
		{"of several addresses", spread(missing, 40, "ab"), ""},
		{"eleven wrong passwords", names(wrong, far[:11]...), ""},
		{"twelve", names(wrong, far[:12]...), "password spraying: 12 accounts"},
		{"wrong passwords in a row are an office", names(wrong, "101", "102", "103", "104", "105"), ""},
		{"a mistyped extension", names(guest, "101", "102", "103"), ""},
		{"four in a row", names(guest, "101", "102", "103", "104"), "sequence: 4 in a row"},
		{"downwards", names(missing, "104", "103", "102", "101"), "sequence: 4 in a row"},
		{"in any order", names(missing, "1001", "0999", "0998", "1000"), "sequence: 4 in a row"},
		{"reported twice, one log behind the other", names(missing, "101", "102", "101", "103", "102", "103", "104", "101"), "sequence: 4 in a row"},
		{"with a gap", names(missing, "101", "102", "103", "105"), ""},
		{"numbers in a row", names(guest, "00441516014742", "00441516014743", "00441516014744", "00441516014745"), "sequence: 4 in a row international call of a guest: +44"},
		{"names in a row", names(missing, "ghost1", "ghost2", "ghost3", "ghost4"), "sequence: 4 in a row"},
		{"two prefixes", names(guest, "00441516014742", "9441516014742"), ""},
		{"three", names(guest, "00441516014742", "9441516014742", "99441516014742"), "same number under 3 prefixes"},
		{"the same prefix again", names(guest, "00441516014742", "9441516014742", "00441516014742"), "international call of a guest: +44"},
		{"of several addresses, two", spread(guest, 2, "00441516014742"), "international call of a guest: +44"},
		{"three addresses", spread(guest, 3, "00441516014742"), "same number from 3 addresses international call of a guest: +44"},
		{"that have accounts", spread(func(n int, number string) Attempt { return Attempt{Addr: from(n), Number: text(number)} }, 9, "00441516014742"), ""},
		{"a stranger who calls many of us", names(guest, "1516014742", "1516014743", "1516014744", "1516014745", "1516014749", "1516014760"), ""},
		{"five wrong passwords and five unknown accounts", append(names(wrong, far[5:10]...), names(missing, far[:5]...)...), ""},
		{"that call us", spread(guest, 9, "01516014742"), ""},
		{"premium", names(guest, "00447012345678"), "premium call of a guest: +4470"},
		{"with an account", []Attempt{{Addr: from(1), Number: text("00441516014742")}}, ""},
		{"a short number", names(guest, "0044"), ""},
		{"one account from seven addresses", spread(wrong, 7, "1001"), ""},
		{"eight", spread(wrong, 8, "1001"), "one account from 8 addresses"},
		{"seventeen, and we remember sixteen", spread(wrong, 17, "1001"), "one account from 16 addresses"},
		{"eight, and no account of ours", spread(wrong, 8, "<unknown>"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sense(t)
			var got []string
			for i, a := range c.heard {
				got = hear(s, a, seven.Add(time.Duration(i)*time.Second))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// The addresses and accounts of the recorded corpora that one attempt each, or two,
// make: what they are together is seen.
func TestBotnets(t *testing.T) {
	for name, addresses := range map[string]func(i int) netip.Addr{
		"a /24": func(i int) netip.Addr { return netip.AddrFrom4([4]byte{203, 0, 113, byte(10 + i/2)}) },
		"a /64": func(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("2001:db8:a2:7::%x", i+1)) },
	} {
		s := sense(t)
		alarms, heavier := 0, 0
		for i := range 40 {
			a := Attempt{Addr: addresses(i), Account: text("1001"), Failed: true}
			s.Hear(a, seven.Add(time.Duration(i)*time.Minute), func(f Finding) {
				if f.Rule != RuleManyAddresses || f.Factor <= 1000 {
					t.Errorf("%s: got %+v", name, f)
				}
				heavier++
				if f.Alarm {
					alarms++
				}
			})
		}
		if alarms != 1 || heavier < 20 {
			t.Errorf("%s: got %d alarms and %d heavier attempts, want one alarm and more than half of them", name, alarms, heavier)
		}
	}
}

func TestAlarmAgainAfterQuiet(t *testing.T) {
	s := sense(t)
	for _, c := range []struct {
		at   time.Duration
		want int
	}{{0, 1}, {20 * time.Hour, 0}, {40 * time.Hour, 0}, {70 * time.Hour, 1}} {
		alarms := 0
		for i := range 12 {
			s.Hear(wrong(i, "1001"), seven.Add(c.at), func(f Finding) {
				if f.Alarm {
					alarms++
				}
			})
		}
		if alarms != c.want {
			t.Errorf("after %v: got %d alarms, want %d", c.at, alarms, c.want)
		}
	}
}

func TestTimeOut(t *testing.T) {
	for _, c := range []struct {
		pause time.Duration
		want  bool
	}{
		{59 * time.Minute, true}, {time.Hour, false},
		{-10 * time.Second, true},     // a clock that goes back a little
		{-30 * 24 * time.Hour, false}, // and one that was wrong
	} {
		s := sense(t)
		for i := range 5 {
			hear(s, missing(1, string(rune('a'+i))), seven)
		}
		if got := hear(s, missing(1, "x"), seven.Add(c.pause)); (got != nil) != c.want {
			t.Errorf("after %v: got %q", c.pause, got)
		}
	}
}

// What a clock that was wrong has left makes room at once.
func TestWrongClockIsForgotten(t *testing.T) {
	s := sense(t)
	for i := range 40 {
		hear(s, missing(1, fmt.Sprint("a", i, "x")), seven.Add(1000*24*time.Hour))
		hear(s, guest(1, fmt.Sprint("00441516014", i)), seven.Add(1000*24*time.Hour))
	}
	var got []string
	for _, name := range []string{"b", "c", "d", "e", "f", "g"} {
		got = hear(s, missing(1, name), seven)
	}
	if !slices.Equal(got, []string{"enumeration: 6 accounts"}) {
		t.Errorf("got %q", got)
	}
}

func TestDisabled(t *testing.T) {
	r := rules(t)
	r.Enabled = false
	s := New(configs.ShippedNumbers(), r, 1000)
	if got := hear(s, guest(1, "00447012345678"), seven); got != nil || s.Len() != 0 {
		t.Errorf("got %q, %d remembered, want nothing", got, s.Len())
	}
	if got := hear(sense(t), Attempt{Number: text("00447012345678"), Guest: true}, seven); got != nil {
		t.Errorf("got %q for no account", got)
	}
}

func TestChange(t *testing.T) {
	s := sense(t)
	for _, name := range []string{"a", "b", "c"} {
		hear(s, missing(1, name), seven)
	}
	r := rules(t, "44")
	r.Enumeration.Accounts = 4
	s.Change(configs.ShippedNumbers(), r)
	if got := hear(s, missing(1, "d"), seven); !slices.Equal(got, []string{"enumeration: 4 accounts"}) {
		t.Errorf("got %q, want what was known and the new rules", got)
	}
	if got := hear(s, guest(2, "00441516014742"), seven); got != nil {
		t.Errorf("got %q for a call at home", got)
	}
}

func TestForget(t *testing.T) {
	for _, p := range []string{"198.51.0.1/32", "198.51.0.0/24"} {
		s := sense(t)
		var before, after []string
		for range 2 {
			for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
				before = hear(s, missing(1, name), seven)
			}
		}
		for i := range 8 {
			hear(s, wrong(i, "1001"), seven)
		}
		s.Forget(netip.MustParsePrefix(p))
		after = hear(s, missing(1, "f"), seven)
		if before == nil || after != nil {
			t.Errorf("%s: got %q before and %q after", p, before, after)
		}
		if got := hear(s, wrong(300, "1001"), seven); (got != nil) != strings.HasSuffix(p, "/32") {
			t.Errorf("%s: got %q for the account that eight had tried", p, got)
		}
	}
}

// The order in which several logs tell of the same attempts, and how often, makes
// nothing of them that they are not.
func TestRepeatsChangeNothing(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		var once []Attempt
		for range 5 + r.IntN(12) {
			kind := []func(int, string) Attempt{missing, wrong, guest}[r.IntN(3)]
			name := fmt.Sprint([]string{"10", "ghost", "004415160147", "90044151601474"}[r.IntN(4)], r.IntN(6))
			once = append(once, kind(r.IntN(3), name))
		}
		repeated := slices.Concat(once, once, once)
		r.Shuffle(len(repeated), func(i, j int) { repeated[i], repeated[j] = repeated[j], repeated[i] })
		want, got := most(t, once), most(t, repeated)
		if !maps.Equal(got, want) {
			t.Fatalf("seed %d: got %v, want %v as without repeats", seed, got, want)
		}
	}
}

// most hears all attempts, and then each again to see what all of them are together.
func most(t *testing.T, all []Attempt) map[string]int {
	s := sense(t)
	for _, a := range all {
		hear(s, a, seven)
	}
	counts := map[string]int{}
	for _, a := range all {
		s.Hear(a, seven, func(f Finding) {
			key := fmt.Sprint(a.Addr, f.Rule)
			counts[key] = max(counts[key], f.Count)
		})
	}
	return counts
}

// Whatever comes, what is remembered is bounded, what was lost is counted, and the
// heavy hitter that never pauses stays.
func TestBounded(t *testing.T) {
	const most = 1000
	s := New(configs.ShippedNumbers(), rules(t), most)
	for i := range 20_000 {
		hear(s, Attempt{Addr: from(i), Account: text(fmt.Sprint("u", i)), Failed: true}, seven)
		hear(s, Attempt{Addr: from(i), Number: text(fmt.Sprintf("00972%09d", i)), Guest: true}, seven)
		if i%900 == 0 { // less often than it takes to push it out
			hear(s, missing(70_000, fmt.Sprint("h", i/900%10, "x")), seven)
		}
	}
	if s.Len() != 2*most || len(s.callers.rows) != most+1 || len(s.crowds.rows) != most+1 {
		t.Errorf("got %d remembered in %d and %d rows, want %d", s.Len(), len(s.callers.rows), len(s.crowds.rows), 2*most)
	}
	if s.Evicted() < 40_000 {
		t.Errorf("got %d evicted", s.Evicted())
	}
	if got := hear(s, missing(70_000, "h1x"), seven); got == nil {
		t.Error("got nothing for the heavy hitter")
	}
	evicted := s.Evicted()
	hear(s, missing(80_000, "x"), seven.Add(48*time.Hour))
	if s.Evicted() != evicted {
		t.Error("got a loss counted where nothing was lost")
	}
}

func TestStateHasAFixedSize(t *testing.T) {
	if size := unsafe.Sizeof(row[caller]{}); size > 256 {
		t.Errorf("got %d bytes for an address, want 256 at most", size)
	}
	if size := unsafe.Sizeof(row[crowd]{}); size > 256 {
		t.Errorf("got %d bytes for an account, want 256 at most", size)
	}
	if size := unsafe.Sizeof(row[challenged]{}); size > 256 {
		t.Errorf("got %d bytes for an address with open challenges, want 256 at most", size)
	}
	s := sense(t)
	a := []Attempt{missing(1, "sip:101@192.0.2.10"), wrong(1, "1001"), guest(1, "900441516014742")}
	hear := func() {
		for i := range a {
			s.Hear(a[i], seven, func(Finding) {})
		}
	}
	hear()
	if n := testing.AllocsPerRun(100, hear); n > 0 {
		t.Errorf("got %v allocations for three attempts of a known address", n)
	}
}

// Two Senses do not agree on a hash: what collides in one is of no use against another.
func TestSeedsDiffer(t *testing.T) {
	a, b := sense(t), sense(t)
	same := 0
	for i := range 64 {
		name := []byte(fmt.Sprint("n", i))
		if a.nameHash(name, unknown) == b.nameHash(name, unknown) {
			same++
		}
	}
	if same > 2 {
		t.Errorf("got %d of 64 hashes alike", same)
	}
}

func FuzzHear(f *testing.F) {
	f.Add([]byte("sip:101@x"), []byte("00972597562518"), uint8(3), int32(5))
	f.Add([]byte("<sip:>"), []byte("<unknown>"), uint8(7), int32(-5))
	f.Add([]byte("9999999999999999"), []byte("0"), uint8(1), int32(0))
	r := rules(f)
	s := New(configs.ShippedNumbers(), r, 64)
	f.Fuzz(func(t *testing.T, account, number []byte, flags uint8, after int32) {
		for i := range 5 {
			name := append(slices.Clone(account), '0'+byte(i))
			a := Attempt{
				Addr: from(int(flags >> 3)), Account: parsers.TextOf(name), Number: parsers.TextOf(number),
				Unknown: flags&1 > 0, Failed: flags&2 > 0, Guest: flags&4 > 0,
			}
			s.Hear(a, seven.Add(time.Duration(after)*time.Second), func(f Finding) {
				for _, c := range f.String() {
					if c < ' ' || c > '~' {
						t.Fatalf("got %q", f)
					}
				}
				if f.Factor < 1000 || f.Count < 1 || f.Rule == "" {
					t.Fatalf("got %+v", f)
				}
			})
		}
		if s.Len() > 128 || len(s.callers.rows) > 65 || len(s.crowds.rows) > 65 {
			t.Fatalf("got %d remembered", s.Len())
		}
	})
}
