package rates

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"pbxjail/parsers"
)

func text(s string) parsers.Text { return parsers.TextOf([]byte(s)) }

// show writes rows as KEY 1m/10m, points, error.
func show[K any](rows []Row[K]) string {
	var list []string
	for _, r := range rows {
		list = append(list, fmt.Sprintf("%v %d/%d %s ±%d", r.Key, r.LastMinute, r.LastTen, parsers.Points(r.Points), r.Error))
	}
	return strings.Join(list, ", ")
}

func TestEveryKindIsCounted(t *testing.T) {
	r := New(8)
	one := Sample{Jail: "guessing", Country: "NL", Account: text("101"), Addr: netip.MustParseAddr("203.0.113.7"), Points: parsers.Point}
	two := Sample{Jail: "scanning", Account: text("\x1b[2J"), Addr: netip.MustParseAddr("2001:db8::7"), Points: parsers.Point / 4}
	r.Count(one, start)
	r.Count(two, start)
	r.Count(two, start.Add(time.Second))
	r.Count(Sample{Points: parsers.Point}, start)
	got := r.Top(8, start.Add(2*time.Second))
	for kind, pair := range map[string][2]string{
		"jails":     {show(got.Jails), "scanning 2/2 0.5 ±0, guessing 1/1 1 ±0"},
		"countries": {show(got.Countries), "NL 1/1 1 ±0"},
		"accounts":  {show(got.Accounts), `\x1b[2J 2/2 0.5 ±0, 101 1/1 1 ±0`},
		"addresses": {show(got.Addresses), "2001:db8::7 2/2 0.5 ±0, 203.0.113.7 1/1 1 ±0"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %s, want %s", kind, pair[0], pair[1])
		}
	}
	if got := r.Top(1, start); len(got.Jails) != 1 || len(got.Addresses) != 1 {
		t.Errorf("got %+v, want one of each kind", got)
	}
	if got := r.Top(0, start); len(got.Jails)+len(got.Countries)+len(got.Accounts)+len(got.Addresses) != 0 {
		t.Errorf("got %+v, want nothing", got)
	}
}

// TestOldCountsLeave is about one sample of 03:04:05.
func TestOldCountsLeave(t *testing.T) {
	for after, want := range map[time.Duration]string{
		0:                               "x 1/1 1 ±0",
		59 * time.Second:                "x 1/1 1 ±0",
		64 * time.Second:                "x 1/1 1 ±0",
		65 * time.Second:                "x 0/1 1 ±0",
		10 * time.Minute:                "x 0/1 1 ±0",
		10*time.Minute + 54*time.Second: "x 0/1 1 ±0",
		10*time.Minute + 55*time.Second: "",
		24 * time.Hour:                  "",
	} {
		r := New(8)
		r.Count(Sample{Jail: "x", Points: parsers.Point}, start)
		if got := show(r.Top(8, start.Add(after)).Jails); got != want {
			t.Errorf("after %v: got %q, want %q", after, got, want)
		}
	}
}

func TestClocks(t *testing.T) {
	hour := time.Hour
	for name, tt := range map[string]struct {
		at   []time.Duration // of samples x, x2, ...
		look time.Duration
		want string
	}{
		"a little late counts":               {[]time.Duration{20 * time.Second, 0}, 20 * time.Second, "x1 1/1 0 ±0, x2 1/1 0 ±0"},
		"an old log changes nothing of now":  {[]time.Duration{hour, 0, hour + 1}, hour, "x1 1/1 0 ±0, x3 1/1 0 ±0"},
		"the future is forgotten":            {[]time.Duration{hour, hour + 65*time.Second}, 0, ""},
		"before 1970, with the battery dead": {[]time.Duration{-100 * 365 * 24 * hour, 0}, 0, "x2 1/1 0 ±0"},
	} {
		r := New(8)
		for i, at := range tt.at {
			r.Count(Sample{Jail: fmt.Sprint("x", i+1)}, start.Add(at))
		}
		if got := show(r.Top(8, start.Add(tt.look)).Jails); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
	r := New(8)
	r.Count(Sample{Jail: "ahead"}, start.Add(hour))
	r.Top(8, start) // somebody looks, and the clock is right again
	r.Count(Sample{Jail: "x"}, start)
	if got, want := show(r.Top(8, start).Jails), "x 1/1 0 ±0"; got != want {
		t.Errorf("after a clock was set back: got %q, want %q", got, want)
	}
}

// TestAccountsAreCopied: the block of the log is overwritten with the next one.
func TestAccountsAreCopied(t *testing.T) {
	r, block := New(8), []byte("101")
	r.Count(Sample{Account: parsers.TextOf(block)}, start)
	copy(block, "999")
	tops := r.Top(8, start)
	r.Count(Sample{Account: text("101")}, start)
	if got, want := show(tops.Accounts), "101 1/1 0 ±0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	long := strings.Repeat("a", maxAccount)
	for _, s := range []string{long + "b", long + "c", long} {
		r.Count(Sample{Account: text(s)}, start)
	}
	if got := r.Top(1, start).Accounts[0]; !got.Key.Is(long) || got.LastTen != 3 {
		t.Errorf("got %v %d, want 64 bytes of it, three times", got.Key, got.LastTen)
	}
}

// TestAgainstExactCounts holds every row against all that happened: a stream with a
// few that do much, and keys made up without end.
func TestAgainstExactCounts(t *testing.T) {
	const most = 16
	for seed := range uint64(20) {
		dice := rand.New(rand.NewPCG(seed, 4))
		zipf := rand.NewZipf(dice, 1.1+dice.Float64(), 1, 1<<20)
		r, m, now := New(most), model{}, start
		step := time.Millisecond << dice.IntN(15)
		for i := range 8000 {
			key := zipf.Uint64()
			if dice.IntN(3) == 0 {
				key = 1<<30 + uint64(i) // made up
			}
			now = now.Add(time.Duration(dice.Int64N(int64(2 * step))))
			if dice.IntN(4000) == 0 {
				now = now.Add(3 * time.Minute)
			}
			at := now.Add(-time.Duration(dice.IntN(3)) * time.Second) // some come late
			if dice.IntN(50) == 0 {                                   // an old log is read
				at = now.Add(-time.Duration(11+dice.IntN(60)) * time.Minute)
			}
			s := Sample{Jail: fmt.Sprint(key), Points: parsers.Points(dice.IntN(3)) * parsers.Point / 2}
			r.Count(s, at)
			m = append(m, heard{s, at})
			if i%997 == 0 {
				m.check(t, r.Top(1<<30, now).Jails, most, now)
			}
		}
		for _, m := range r.jails.minutes {
			if len(m.of) > most {
				t.Errorf("got %d keys in a minute, want at most %d", len(m.of), most)
			}
		}
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

// model remembers everything.
type model []heard

type heard struct {
	Sample
	at time.Time
}

// in counts what happened since, by key, and in all.
func (m model) in(now time.Time, d time.Duration) (n, points map[string]int, all int) {
	n, points = map[string]int{}, map[string]int{}
	for _, h := range m {
		if now.Sub(h.at) < d {
			n[h.Jail]++
			points[h.Jail] += int(h.Points)
			all++
		}
	}
	return n, points, all
}

func (m model) check(t *testing.T, rows []Row[string], most int, now time.Time) {
	t.Helper()
	minute, _, _ := m.in(now, time.Minute)
	ten, _, _ := m.in(now, 10*time.Minute)
	wideMinute, _, inMinute := m.in(now, time.Minute+5*time.Second)
	wideTen, points, inTen := m.in(now, 11*time.Minute)
	listed := map[string]bool{}
	for _, r := range rows {
		k := r.Key
		listed[k] = true
		if int(r.LastMinute) < minute[k] || int(r.LastTen) < ten[k] || r.LastMinute > r.LastTen {
			t.Errorf("%s: got %d/%d, want no less than %d/%d", k, r.LastMinute, r.LastTen, minute[k], ten[k])
		}
		if int(r.LastMinute) > wideMinute[k]+int(r.Error) || int(r.LastTen) > wideTen[k]+int(r.Error) {
			t.Errorf("%s: got %d/%d ±%d, want no more than %d/%d above that", k, r.LastMinute, r.LastTen, r.Error, wideMinute[k], wideTen[k])
		}
		if int(r.Error) > max(inTen, inMinute)/most {
			t.Errorf("%s: got an error of %d, want at most 1/%d of %d", k, r.Error, most, inTen)
		}
		if int(r.Points) > points[k] || r.Error == 0 && wideTen[k] == ten[k] && int(r.Points) != points[k] {
			t.Errorf("%s: got %d points, want %d", k, r.Points, points[k])
		}
	}
	for k, n := range ten {
		if (n > inTen/most || minute[k] > inMinute/most) && !listed[k] {
			t.Errorf("%s is not listed: it did %d of %d, and %d of %d", k, n, inTen, minute[k], inMinute)
		}
	}
}

func TestCut(t *testing.T) {
	all := total[string]{map[string]sum{"a": {10, 4, 1}, "b": {7, 0, 2}, "c": {3, 1, 3}, "d": {2, 2, 4}}, 5}
	all.cut(4)
	if len(all.of) != 4 || all.least != 5 {
		t.Errorf("got %v, want nothing cut", all)
	}
	all.cut(2)
	if want := (total[string]{map[string]sum{"a": {7, 1, 1}, "b": {4, -3, 2}}, 8}); !reflect.DeepEqual(all, want) {
		t.Errorf("got %v, want %v", all, want)
	}
}

// TestMillionKeys: one in a hundred is enough to stand out from keys made up.
func TestMillionKeys(t *testing.T) {
	const most, flood = 512, 1_000_000
	r := New(most)
	guest := netip.MustParseAddr("203.0.113.7")
	now := start
	for i := range flood {
		now = start.Add(time.Duration(i) * 50 * time.Microsecond)
		r.Count(numbered(i), now)
		if i%100 == 0 {
			r.Count(Sample{Jail: "scanning", Account: text("root"), Addr: guest, Points: parsers.Point}, now)
		}
	}
	tops := r.Top(3, now)
	if a := tops.Addresses[0]; a.Key != guest || a.LastMinute < flood/100 || a.LastMinute-a.Error > flood/100 || a.Error > flood*101/100/most {
		t.Errorf("got %v, want %s first with %d", show(tops.Addresses), guest, flood/100)
	}
	if a := tops.Accounts[0]; !a.Key.Is("root") {
		t.Errorf("got %v, want root first", show(tops.Accounts))
	}
	if got, want := show(tops.Jails), fmt.Sprintf("guessing %d/%[1]d %d ±0, scanning %d/%[3]d %[3]d ±0", flood, 1000000, flood/100); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := len(r.addresses.slices[0].index); got != most {
		t.Errorf("got %d keys in 5 s, want %d", got, most)
	}
}

func TestKnownKeysCostNoMemory(t *testing.T) {
	r, s := New(512), numbered(7)
	r.Count(s, start)
	if got := testing.AllocsPerRun(1000, func() { r.Count(s, start) }); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}
