package store

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pbxjail/jails/book"
	"pbxjail/parsers"
)

func TestRestartRestoresBans(t *testing.T) {
	s := openStore(t, newPath(t))
	bans := []book.Ban{
		banOf("192.0.2.1/32", time.Hour),
		banOf("2001:db8:1::/64", 2*time.Hour),
		banOf("192.0.2.2/32", time.Minute),
		banOf("198.51.100.0/24", book.Forever),
	}
	record(t, s, bans...)
	now := start.Add(30 * time.Minute)
	got := liveBans(t, reopen(t, s), now)
	wantPrefixes(t, got, "192.0.2.1/32", "2001:db8:1::/64", "198.51.100.0/24")
	if left, ok := got[0].Left(now); !ok || left != 30*time.Minute {
		t.Errorf("got %v left, want 30m", left)
	}
	if left, ok := got[2].Left(now); !ok || left != book.Forever {
		t.Errorf("got %v, %v of a ban without end, want no end", left, ok)
	}
	if !equalBans(got[0], bans[0]) {
		t.Errorf("got %+v, want %+v", got[0], bans[0])
	}
}

func TestBanIsOverAtItsEnd(t *testing.T) {
	s := openStore(t, newPath(t))
	record(t, s, banOf("192.0.2.1/32", time.Hour))
	wantPrefixes(t, liveBans(t, s, start.Add(time.Hour-1)), "192.0.2.1/32")
	wantPrefixes(t, liveBans(t, s, start.Add(time.Hour)))
}

func TestWhatWasOnlyObservedEndsNothing(t *testing.T) {
	s := openStore(t, newPath(t))
	real := banOf("192.0.2.1/32", 3*time.Hour)
	real.Strike = 2
	observed := banOf("192.0.2.1/32", time.Hour)
	observed.Jail, observed.Since, observed.Strike = "looking", start.Add(time.Minute), 0
	observed.Until = observed.Since
	record(t, s, real, observed)
	wantPrefixes(t, liveBans(t, s, start.Add(2*time.Hour)), "192.0.2.1/32")
	if got, err := s.Strikes(start, start.AddDate(1, 0, 0), 10); err != nil || len(got) != 1 || got[0].Count != 2 {
		t.Errorf("got strikes %v, %v, want the two of the ban", got, err)
	}
}

func TestAnOldBanEndsNoNewerOne(t *testing.T) {
	s := openStore(t, newPath(t))
	newer := banOf("192.0.2.1/32", 3*time.Hour)
	older := banOf("192.0.2.1/32", time.Hour)
	older.Jail, older.Since = "reading-old-lines", start.Add(-2*time.Hour)
	older.Until = start.Add(-time.Hour)
	record(t, s, newer, older)
	wantPrefixes(t, liveBans(t, s, start.Add(time.Hour)), "192.0.2.1/32")
}

func TestBansComeWithoutLines(t *testing.T) {
	s := openStore(t, newPath(t))
	ban := banOf("192.0.2.1/32", time.Hour)
	ban.Lines = []book.Line{lineOf("x")}
	record(t, s, ban)
	if got := liveBans(t, s, start); got[0].Lines != nil {
		t.Errorf("got lines %v, want none", got[0].Lines)
	}
}

func TestLiftedStaysLifted(t *testing.T) {
	s := openStore(t, newPath(t))
	hour, ever := banOf("192.0.2.1/32", time.Hour), banOf("2001:db8::/64", book.Forever)
	record(t, s, hour, ever, banOf("192.0.2.3/32", time.Hour))
	at := start.Add(time.Minute)
	err := s.Lift([]netip.Prefix{hour.Prefix, ever.Prefix, netip.MustParsePrefix("203.0.113.1/32")}, "uid 0 (root)", at)
	if err != nil {
		t.Fatal(err)
	}
	lift(t, s, start.Add(2*time.Hour), "192.0.2.1/32") // again, which changes nothing
	hour.Until = start.Add(3 * time.Hour)
	record(t, s, hour) // a change that was on its way when the operator lifted
	s = reopen(t, s)
	wantPrefixes(t, liveBans(t, s, start), "192.0.2.3/32") // start: even when the clock was set back

	history, err := s.History(hour.Prefix, 10)
	if err != nil || len(history) != 1 || !history[0].Until.Equal(at) {
		t.Errorf("got history %+v, %v, want one ban that ended at %v", history, err, at)
	}
}

func TestBannedAgainAfterLift(t *testing.T) {
	s := openStore(t, newPath(t))
	ban := banOf("192.0.2.1/32", time.Hour)
	record(t, s, ban)
	lift(t, s, start.Add(time.Minute), "192.0.2.1/32")
	ban.Since, ban.Until, ban.Strike = start.Add(2*time.Minute), start.Add(time.Hour), 2
	record(t, s, ban)
	got := liveBans(t, s, start.Add(3*time.Minute))
	if len(got) != 1 || !equalBans(got[0], ban) {
		t.Errorf("got %+v, want the second ban %+v", got, ban)
	}
}

func TestRecordChanges(t *testing.T) {
	first := banOf("192.0.2.1/32", time.Hour)
	first.Lines = []book.Line{lineOf("one"), lineOf("two")}
	longer := first
	longer.Until, longer.Reason, longer.Evidence, longer.Lines = start.Add(2*time.Hour), "longer", parsers.Proven, nil
	kept := longer
	kept.Lines = first.Lines
	again := first
	again.Lines = []book.Line{lineOf("three")}
	next := banOf("192.0.2.1/32", 0)
	next.Since, next.Until = start.Add(time.Minute), start.Add(10*time.Minute)
	ended := first
	ended.Until = next.Since
	manual := next // shorter than the first, which must not outlive it
	manual.Jail = "manual"

	tests := []struct {
		name          string
		change        book.Ban
		live, history []book.Ban // history is newest first
	}{
		{"longer, and keeps its lines", longer, []book.Ban{longer}, []book.Ban{kept}},
		{"other lines", again, []book.Ban{first}, []book.Ban{again}},
		{"a newer ban ends the older", next, []book.Ban{next}, []book.Ban{next, ended}},
		{"so does one by hand", manual, []book.Ban{manual}, []book.Ban{manual, ended}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := openStore(t, newPath(t))
			record(t, s, first)
			record(t, s, test.change)
			equalExceptLines := func(a, b book.Ban) bool { b.Lines = nil; return equalBans(a, b) }
			if got := liveBans(t, s, start.Add(2*time.Minute)); !slices.EqualFunc(got, test.live, equalExceptLines) {
				t.Errorf("got live %+v, want %+v", got, test.live)
			}
			got, err := s.History(first.Prefix, 10)
			if err != nil || !slices.EqualFunc(got, test.history, equalBans) {
				t.Errorf("got history %+v, %v, want %+v", got, err, test.history)
			}
		})
	}
}

func TestRecordIsAllOrNone(t *testing.T) {
	s := openStore(t, newPath(t))
	err := s.Record([]book.Ban{banOf("192.0.2.1/32", time.Hour), {Jail: "guessing"}})
	if err == nil {
		t.Error("got no error of a ban without a prefix")
	}
	wantPrefixes(t, liveBans(t, s, start))
	record(t, s, banOf("192.0.2.2/32", time.Hour))
	wantPrefixes(t, liveBans(t, s, start), "192.0.2.2/32")
}

func TestPrefixesHaveOneSpelling(t *testing.T) {
	for _, test := range []struct{ prefix, want string }{
		{"192.0.2.77/24", "192.0.2.0/24"},
		{"::ffff:192.0.2.1/128", "192.0.2.1/32"},
		{"2001:DB8:0:0:1::5/64", "2001:db8::/64"},
		{"0.0.0.0/0", "0.0.0.0/0"},
	} {
		s := openStore(t, newPath(t))
		record(t, s, banOf(test.prefix, time.Hour))
		wantPrefixes(t, liveBans(t, s, start), test.want)
		lift(t, s, start, test.prefix)
		wantPrefixes(t, liveBans(t, s, start))
	}
}

func TestHistory(t *testing.T) {
	s := openStore(t, newPath(t))
	wide, single, other := banOf("192.0.2.0/24", time.Hour), banOf("192.0.2.7/32", time.Hour), banOf("192.0.2.8/32", time.Hour)
	six := banOf("2001:db8::/32", time.Hour)
	record(t, s, wide, single, other, six)
	for _, test := range []struct {
		of    string
		limit int
		want  []string
	}{
		{"192.0.2.7/32", 10, []string{"192.0.2.7/32", "192.0.2.0/24"}},
		{"192.0.2.7/32", 1, []string{"192.0.2.7/32"}},
		{"192.0.2.9/32", 10, []string{"192.0.2.0/24"}},
		{"::ffff:192.0.2.8/128", 10, []string{"192.0.2.8/32", "192.0.2.0/24"}},
		{"2001:db8:5::1/128", 10, []string{"2001:db8::/32"}},
		{"192.0.3.7/32", 10, nil},
	} {
		bans, err := s.History(netip.MustParsePrefix(test.of), test.limit)
		if err != nil {
			t.Fatal(err)
		}
		wantPrefixes(t, bans, test.want...)
	}
	if _, err := s.History(netip.Prefix{}, 10); err == nil {
		t.Error("got no error of no prefix")
	}
}

func TestLinesAreBounded(t *testing.T) {
	s := openStore(t, newPath(t))
	ban := banOf("192.0.2.1/32", time.Hour)
	for n := range book.MaxLines + 3 {
		ban.Lines = append(ban.Lines, lineOf(fmt.Sprint(n, strings.Repeat("\x00\xff", book.MaxLineText))))
	}
	ban.Reason = strings.Repeat("r", 2*maxReason)
	record(t, s, ban)
	history, err := s.History(ban.Prefix, 1)
	if err != nil {
		t.Fatal(err)
	}
	got := history[0]
	if len(got.Lines) != book.MaxLines || len(got.Reason) != maxReason {
		t.Fatalf("got %d lines and a reason of %d bytes, want %d and %d", len(got.Lines), len(got.Reason), book.MaxLines, maxReason)
	}
	for n, line := range got.Lines {
		want := ban.Lines[n+3].Text.Raw()[:book.MaxLineText] // the newest are kept
		if !slices.Equal(line.Text.Raw(), want) {
			t.Errorf("line %d: got %d bytes %q, want %d bytes %q", n, line.Text.Len(), line.Text.Raw()[:4], len(want), want[:4])
		}
	}
}

func TestStrikes(t *testing.T) {
	s := openStore(t, newPath(t))
	at := func(hours int) time.Time { return start.Add(time.Duration(hours) * time.Hour) }
	put := func(prefix string, strike int, after, bantime time.Duration) {
		ban := banOf(prefix, book.Forever)
		ban.Strike, ban.Since = strike, start.Add(after)
		if bantime != book.Forever {
			ban.Until = ban.Since.Add(bantime)
		}
		record(t, s, ban)
	}
	put("192.0.2.1/32", 1, 0, time.Hour)
	put("192.0.2.1/32", 2, 5*time.Hour, time.Hour)
	put("192.0.2.2/32", 7, 0, time.Hour)
	put("192.0.2.2/32", 1, 7*time.Hour, time.Hour) // the seven were forgiven
	put("192.0.2.3/32", 1, 0, time.Hour)
	put("192.0.2.4/32", 4, 4*time.Hour, book.Forever) // runs
	put("192.0.2.9/32", 4, 4*time.Hour, 6*time.Hour)  // runs
	put("192.0.2.5/32", 0, 8*time.Hour, time.Hour)    // no strike
	put("192.0.2.6/32", 3, 5*time.Hour, time.Hour)    // lifted while it ran
	lift(t, s, at(5), "192.0.2.6/32")
	put("192.0.2.7/32", 3, 3*time.Hour, time.Hour) // lifted when it was over
	lift(t, s, at(9), "192.0.2.7/32")
	put("192.0.2.8/32", 3, 2*time.Hour, time.Hour) // lifted, and banned again
	lift(t, s, at(2), "192.0.2.8/32")
	put("192.0.2.8/32", 1, 2*time.Hour+time.Minute, 59*time.Minute)

	want := []book.Strike{
		{Prefix: netip.MustParsePrefix("192.0.2.2/32"), Count: 1, Last: at(8)},
		{Prefix: netip.MustParsePrefix("192.0.2.1/32"), Count: 2, Last: at(6)},
		{Prefix: netip.MustParsePrefix("192.0.2.8/32"), Count: 1, Last: at(3)},
	}
	for _, limit := range []int{10, 2} {
		got, err := s.Strikes(at(2), at(9), limit)
		if want := want[:min(limit, len(want))]; err != nil || !slices.Equal(got, want) {
			t.Errorf("limit %d: got %v, %v, want %v", limit, got, err, want)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	s := openStore(t, newPath(t))
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for n := range 20 {
				prefix := fmt.Sprintf("10.0.%d.%d/32", worker, n)
				if err := s.Record([]book.Ban{banOf(prefix, time.Hour)}); err != nil {
					t.Error(err)
				}
				if _, err := s.Bans(start); err != nil {
					t.Error(err)
				}
				if err := s.SavePositions([]Position{{File: prefix}}, start); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := len(liveBans(t, s, start)); got != 80 {
		t.Errorf("got %d bans, want 80", got)
	}
}
