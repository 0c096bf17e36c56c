package jails

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"pbxjail/jails/book"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

const stamp = "2006-01-02 15:04:05"

// sipLine and iaxLine are wrong passwords as Asterisk writes them.
func sipLine(at, a string) string {
	return fmt.Sprintf("[%s] NOTICE[1638] chan_sip.c: Registration from '\"301\" <sip:301@pbx.example>' failed for '%s:5071' - Wrong password\n", at, a)
}

func iaxLine(at, a string) string {
	return fmt.Sprintf("[%s] NOTICE[1638] chan_iax2.c: Host %s failed MD5 authentication for 'fax' (e7df7cd2ca07f4f1ab415d457a6e1c13 != 53ac4bc41ee4ec77888ed4aa50677247)\n", at, a)
}

// after is a date as the log has it, so much after start.
func after(d time.Duration) string { return start.Add(d).Format(stamp) }

// replay runs logs by name through jails and returns what was decided and when.
func replay(t *testing.T, jails []*Jail, logs ...Log) (*Replay, []string) {
	t.Helper()
	r := &Replay{Judge: NewJudge(jails, NewGuard(nil, nil), book.NewBook(nil, nil), 1000, true)}
	var got []string
	err := r.Run(logs, func(v Verdict) {
		got = append(got, v.Ban.Since.Format(stamp)+" "+word(v))
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, got
}

func logOf(name, text string) Log {
	return Log{Name: name, Text: strings.NewReader(text), Until: start.AddDate(0, 0, 1)}
}

func TestReplayMergesByTime(t *testing.T) {
	jail := jailOf(t, "x", "maxretry: 4\nfindtime: 1m\nlogs: [/full, /messages]")
	r := &Replay{Judge: NewJudge([]*Jail{jail}, NewGuard(nil, nil), book.NewBook(nil, nil), 1000, true)}
	var bans []book.Ban
	err := r.Run([]Log{
		logOf("full", sipLine(after(0), "203.0.113.9")+sipLine(after(20*time.Second), "203.0.113.9")+sipLine(after(time.Hour), "203.0.113.9")),
		logOf("messages", iaxLine(after(10*time.Second), "203.0.113.9")+iaxLine(after(30*time.Second), "203.0.113.9")),
	}, func(v Verdict) { bans = append(bans, v.Ban) })
	if err != nil || len(bans) != 1 {
		t.Fatalf("got %v, %+v, want one ban", err, bans)
	}
	var order []string
	for _, l := range bans[0].Lines {
		order = append(order, l.File+" "+l.Time.Format("05"))
	}
	if want := []string{"full 00", "messages 10", "full 20", "messages 30"}; !slices.Equal(order, want) {
		t.Errorf("got lines %v, want %v", order, want)
	}
	if got, want := r.Counts, (Counts{Lines: 5, Matched: 5, Bans: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestReplayCounts(t *testing.T) {
	text := strings.Join([]string{
		"",
		"no record at all",
		strings.TrimSuffix(sipLine(after(0), "203.0.113.9"), "\n"),
		strings.TrimSuffix(sipLine(after(0), "127.0.0.1"), "\n"),
		`[2024-03-05 06:07:08] SECURITY[1638] res_security_log.c: SecurityEvent="ChallengeSent",EventTV="2024-03-05T06:07:08.123+0000",Severity="Informational",Service="PJSIP",EventVersion="1",AccountID="1001",SessionID="a1b2c3d4@198.51.100.77",LocalAddress="IPV4/UDP/10.0.0.1/5060",RemoteAddress="IPV4/UDP/203.0.113.5/5060",Challenge="1709619000/0123456789abcdef"`,
		strings.Replace(strings.TrimSuffix(sipLine(after(0), "203.0.113.9"), "\n"), "301", "3\x001", 1), // the file is damaged
		"[2024-03-05 06:07:08] VERBOSE[1638] pbx.c: -- Executing",
	}, "\n")
	r, _ := replay(t, []*Jail{jailOf(t, "x", "")}, logOf("log", text))
	if got, want := r.Counts, (Counts{Lines: 7, Matched: 2, Ambiguous: 1, Signals: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestReplayTexts(t *testing.T) {
	line := strings.TrimSuffix(sipLine(after(0), "203.0.113.9"), "\n")
	const banned = "2026-03-05 06:00:00 ban 203.0.113.9/32 by x"
	for _, c := range []struct {
		name, text, want string
	}{
		{"no newline at the end", line + "\n" + line, banned},
		{"carriage returns", line + "\r\n" + line + "\r\n", banned},
		{"only once", line, ""},
		{"a long line between", line + "\n" + strings.Repeat("x", 1<<20) + "\n" + line + "\n", banned},
		{"a long line at the end", line + "\n" + line + "\n" + strings.Repeat("x", 1<<20), banned},
		{"NULs of a truncated file", strings.Repeat("\x00", 4096) + line + "\n" + line, banned},
		{"rubbish", line + "\n\xff\xfe\x00\x1b[2J\n\n\n" + line + "\n", banned},
		{"empty", "", ""},
		{"glued", line + line + "\n" + line, banned}, // a record's end is its own
	} {
		_, got := replay(t, []*Jail{jailOf(t, "x", "maxretry: 2")}, logOf("log", c.text))
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		_, got = replay(t, []*Jail{jailOf(t, "x", "maxretry: 2")}, Log{Name: "log", Text: iotest.OneByteReader(strings.NewReader(c.text))})
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s, byte by byte: got %q, want %q", c.name, got, c.want)
		}
	}
}

// A record without a date happens when the last one did; before all others, when
// the log was written.
func TestReplayWithoutDates(t *testing.T) {
	jail := func() []*Jail {
		return []*Jail{jailOf(t, "x", "maxretry: 3\nfindtime: 10m\nmatch: [{event: bad-password}, {regex: '^door: <ADDR> knocked$'}]")}
	}
	const door = "door: 203.0.113.9 knocked\n"
	_, got := replay(t, jail(), logOf("log", door+door+door))
	if want := []string{"2026-03-06 06:00:00 ban 203.0.113.9/32 by x"}; !slices.Equal(got, want) {
		t.Errorf("none has one: got %v, want %v", got, want)
	}
	_, got = replay(t, jail(), logOf("log", sipLine(after(0), "192.0.2.1")+door+door+sipLine(after(time.Minute), "192.0.2.1")+door))
	if want := []string{"2026-03-05 06:01:00 ban 203.0.113.9/32 by x"}; !slices.Equal(got, want) {
		t.Errorf("some have: got %v, want %v", got, want)
	}
	_, got = replay(t, jail(), logOf("log", sipLine(after(0), "192.0.2.1")+door+door+sipLine(after(time.Hour), "192.0.2.1")+door))
	if got != nil {
		t.Errorf("an hour apart: got %v, want none", got)
	}
	if _, got = replay(t, jail(), Log{Name: "log", Text: strings.NewReader(door + door + door)}); len(got) != 1 {
		t.Errorf("no date anywhere: got %v, want one ban", got)
	}
}

// Dates without a year belong to the last year they can: a log of New Year goes on.
func TestReplayWithoutYears(t *testing.T) {
	text := sipLine("Dec 31 23:59:58", "203.0.113.9") + sipLine("Dec 31 23:59:59", "203.0.113.9") + sipLine("Jan  1 00:00:00", "203.0.113.9")
	until := time.Date(2026, 1, 1, 0, 0, 5, 0, time.UTC)
	_, got := replay(t, []*Jail{jailOf(t, "x", "maxretry: 3")}, Log{Name: "log", Text: strings.NewReader(text), Until: until})
	if want := []string{"2026-01-01 00:00:00 ban 203.0.113.9/32 by x"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestReplayZone(t *testing.T) {
	r := &Replay{Judge: judgeOf(jailOf(t, "x", "maxretry: 1")), Zone: time.FixedZone("", 2*3600)}
	var got time.Time
	if err := r.Run([]Log{logOf("/log", sipLine(after(0), "203.0.113.9"))}, func(v Verdict) { got = v.Ban.Since }); err != nil {
		t.Fatal(err)
	}
	if want := start.Add(-2 * time.Hour); !got.Equal(want) || got.Location() != time.UTC {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestReplayReadError(t *testing.T) {
	broken := errors.New("checksum is wrong")
	text := io.MultiReader(strings.NewReader(sipLine(after(0), "203.0.113.9")), iotest.ErrReader(broken))
	r := &Replay{Judge: judgeOf(jailOf(t, "x", ""))}
	err := r.Run([]Log{{Name: "full.gz", Text: text}}, func(Verdict) {})
	if !errors.Is(err, broken) || err.Error() != "cannot read full.gz: checksum is wrong" {
		t.Errorf("got %v, want the cause with the log's name", err)
	}
}

func TestReplayTakesBansForHeld(t *testing.T) {
	var text bytes.Buffer
	for i := range 90 {
		text.WriteString(sipLine(after(time.Duration(i)*time.Minute), "203.0.113.9"))
	}
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"ban":     {"", []string{"06:00:00 ban 1", "06:10:00 ban 2", "06:30:00 ban 3", "07:10:00 ban 4"}},
		"observe": {"\nobserve: true", []string{"06:00:00 observed 1", "06:10:00 observed 2", "06:30:00 observed 3", "07:10:00 observed 4"}},
	} {
		r := &Replay{Judge: judgeOf(jailOf(t, "x", "maxretry: 1\nbantime: 10m\nbantime_growth: {factor: 2}"+c.text))}
		var got []string
		err := r.Run([]Log{logOf("/log", text.String())}, func(v Verdict) {
			got = append(got, fmt.Sprintf("%s %s %d", v.Ban.Since.Format("15:04:05"), strings.Fields(word(v))[0], v.Ban.Strike))
		})
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, c.want)
		}
		if want := map[string]uint64{"ban": 4, "observe": 0}[name]; r.Counts.Bans != want {
			t.Errorf("%s: got %d bans counted, want %d", name, r.Counts.Bans, want)
		}
	}
}

// One record of another age costs no other log its place.
func TestReplayOddDate(t *testing.T) {
	odd := sipLine("2099-01-01 00:00:00", "203.0.113.1")
	var a, b strings.Builder
	for i := range 5 {
		at := after(time.Duration(i) * time.Second)
		a.WriteString(sipLine(at, "203.0.113.1"))
		b.WriteString(sipLine(at, "203.0.113.2"))
		if i == 2 {
			a.WriteString(odd)
		}
	}
	_, got := replay(t, []*Jail{jailOf(t, "x", "maxretry: 5\nlogs: [/a, /b]")}, logOf("a", a.String()), logOf("b", b.String()))
	if want := []string{"2026-03-05 06:00:04 ban 203.0.113.2/32 by x"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Logs of other attackers decide nothing for each other: replayed together they
// give what each gives alone, in the order of time.
func TestReplayTogetherIsReplayAlone(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 4))
		jails := func() []*Jail {
			return []*Jail{jailOf(t, "x", "maxretry: 3\nfindtime: 20s\nbantime: 1m\nlogs: [/log*]")}
		}
		var together, want []string
		var all []Log
		for i := range 4 {
			var text strings.Builder
			at := time.Duration(0)
			for range 300 {
				at += time.Duration(r.IntN(8)) * time.Second
				text.WriteString(sipLine(after(at), fmt.Sprintf("10.0.%d.%d", i, r.IntN(3))))
			}
			log := func() Log { return logOf(fmt.Sprintf("log%c", 'a'+i), text.String()) }
			_, alone := replay(t, jails(), log())
			want, all = append(want, alone...), append(all, log())
		}
		rep, got := replay(t, jails(), all...)
		together = slices.Clone(got)
		if !slices.IsSortedFunc(got, func(a, b string) int { return strings.Compare(a[:len(stamp)], b[:len(stamp)]) }) {
			t.Errorf("seed %d: got verdicts out of order", seed)
		}
		slices.Sort(together)
		slices.Sort(want)
		if len(want) == 0 || !slices.Equal(together, want) || rep.Counts.Lines != 1200 {
			t.Errorf("seed %d: got %d lines and %v, want %v", seed, rep.Counts.Lines, together, want)
		}
	}
}
