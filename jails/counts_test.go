package jails

import (
	"net/netip"
	"testing"
	"time"

	"pbxjail/jails/book"
	"pbxjail/parsers"
)

// restarted is a judge of the next run, with other jails first, so that numbers differ.
func restarted(t testing.TB, before *Judge, at time.Time, jails ...*Jail) *Judge {
	t.Helper()
	data, err := before.Counts()
	if err != nil {
		t.Fatal(err)
	}
	after := judgeOf(append([]*Jail{jailOf(t, "first", "logs: [/other]")}, jails...)...)
	after.Source("/other")
	if err := after.LoadCounts(data, at); err != nil {
		t.Fatal(err)
	}
	return after
}

// TestRestartGoesOnCounting: five points make a ban, and a restart comes after so many.
func TestRestartGoesOnCounting(t *testing.T) {
	for _, c := range []struct {
		name   string
		before []*parsers.Event
		down   time.Duration // how long it is stopped
		after  []*parsers.Event
		want   string
	}{
		{"four and one", failed(4), time.Second, failed(1), "ban 203.0.113.9/32 by phones"},
		{"three and one", failed(3), time.Second, failed(1), ""},
		{"over by then", failed(4), 10 * time.Minute, failed(1), ""},
		{"a repeat counts once", repeats(4), time.Second, repeats(1), ""},
		{"corrected after the restart", failed(4), time.Second, append([]*parsers.Event{corrected()}, failed(1)...), ""},
		{"addresses of one customer", ofCustomer(0, 4), time.Second, ofCustomer(4, 5), "ban 2001:db8::/64 by phones"},
	} {
		j := judgeOf(jailOf(t, "phones", "maxretry: 5"))
		for _, e := range c.before {
			if got := hear(j, e, start); len(got) > 0 {
				t.Fatalf("%s: got %q before the restart", c.name, words(got))
			}
		}
		at := start.Add(c.down)
		j = restarted(t, j, at, jailOf(t, "phones", "maxretry: 5"))
		got := ""
		for _, e := range c.after {
			got += words(hear(j, e, at))
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// TestRestartWithoutJail: what an other version or other jail files cannot take up counts
// for nothing.
func TestRestartWithoutJail(t *testing.T) {
	j := judgeOf(jailOf(t, "phones", "maxretry: 5"))
	for _, e := range failed(4) {
		hear(j, e, start)
	}
	j = restarted(t, j, start, jailOf(t, "trunks", "maxretry: 5"))
	if got := words(hear(j, failed(1)[0], start)); got != "" {
		t.Errorf("another jail: got %q, want nothing", got)
	}
	for _, text := range []string{``, `{}`, keptMagic, keptMagic + "\x02{}", keptMagic + "\x02{}\x00\x00"} {
		if judgeOf(jailOf(t, "phones", "")).LoadCounts([]byte(text), start) == nil {
			t.Errorf("%q: got no error", text)
		}
	}
}

// TestCountsComeTooLate: a judge that has counted keeps its own hashes, so that a log-in
// forgives what it counted.
func TestCountsComeTooLate(t *testing.T) {
	before := judgeOf(jailOf(t, "phones", "maxretry: 5"))
	hear(before, failed(1)[0], start)
	data, err := before.Counts()
	if err != nil {
		t.Fatal(err)
	}
	j := judgeOf(jailOf(t, "phones", "maxretry: 5"))
	for _, e := range failed(4) {
		hear(j, e, start)
	}
	if err := j.LoadCounts(data, start); err == nil {
		t.Error("got no error")
	}
	hear(j, corrected(), start.Add(time.Second))
	if got := score(j, 0, "203.0.113.9", start.Add(time.Second)); got != 0 {
		t.Errorf("got %d points after the log-in, want none", got)
	}
}

func failed(n int) (list []*parsers.Event) {
	for range n {
		list = append(list, with(failure("203.0.113.9"), func(e *parsers.Event) { e.Account = parsers.TextOf([]byte("201")) }))
	}
	return list
}

func repeats(n int) []*parsers.Event {
	list := failed(n)
	for _, e := range list {
		e.Once, e.Points = true, 4*parsers.Point
	}
	return list
}

func corrected() *parsers.Event {
	return with(failed(1)[0], func(e *parsers.Event) {
		e.Result, e.Kind, e.Evidence, e.Channel, e.Password = parsers.Signal, parsers.Success, parsers.Proven, parsers.ChannelSecurity, true
	})
}

func ofCustomer(from, to byte) (list []*parsers.Event) {
	for i := from; i < to; i++ {
		list = append(list, failure("2001:db8::"+string('1'+i)))
	}
	return list
}

// FuzzLoadCounts: no file makes more points of a hit than it holds, or decides by itself.
func FuzzLoadCounts(f *testing.F) {
	jail := jailOf(f, "phones", "maxretry: 5")
	j := judgeOf(jail)
	for _, e := range append(failed(4), ofCustomer(0, 3)...) {
		hear(j, e, start)
	}
	data, err := j.Counts()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		j := judgeOf(jail)
		if j.LoadCounts(data, start) != nil {
			return
		}
		for e := range j.table.Each() {
			sum := int64(0)
			for _, h := range e.Hits {
				if h.Points <= 0 || h.At > start.UnixMilli() {
					t.Fatalf("got %+v", h)
				}
				sum += int64(h.Points)
			}
			if found := tallyOf(j, 0, e.Addr.String(), start); found != nil && found.Sum > sum {
				t.Fatalf("got %d points of %d", found.Sum, sum)
			}
		}
		hear(j, failure("203.0.113.9"), start)
	})
}

// BenchmarkRestart keeps and loads 100,000 hits of as many addresses, as after a flood.
func BenchmarkRestart(b *testing.B) {
	jail := jailOf(b, "phones", "maxretry: 5")
	newJudge := func() *Judge {
		return NewJudge([]*Jail{jail}, NewGuard(nil, nil), book.NewBook(nil, nil), 200_000, false)
	}
	before := newJudge()
	e := failure("203.0.113.9")
	for i := range 100_000 {
		e.Addr = netip.AddrFrom4([4]byte{byte(11 + i>>16), byte(i >> 8), byte(i), 1})
		hear(before, e, start)
	}
	for b.Loop() {
		data, err := before.Counts()
		if err != nil {
			b.Fatal(err)
		}
		if err := newJudge().LoadCounts(data, start); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(data)), "bytes")
	}
}
