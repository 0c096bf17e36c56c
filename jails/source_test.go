package jails

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pbxjail/jails/book"
	"pbxjail/parsers"
)

// parse runs a line through the parser of a log, as the daemon does.
func parse(judge *Judge, file, line string, at time.Time) (list []Verdict) {
	s := judge.Source(file)
	parsers.New(parsers.Clock{}, s.Patterns()...).Line([]byte(line), false, at, func(e *parsers.Event) {
		list = append(list, hearIn(judge, file, e, at)...)
	})
	return list
}

func TestOwnPatterns(t *testing.T) {
	const own = "maxretry: 2\nmatch: [{regex: '^door: <ADDR> knocked$'}]"
	judge := judgeOf(jailOf(t, "a", own), jailOf(t, "b", own), jailOf(t, "c", "maxretry: 2\nmatch: [{regex: '^door: <ADDR> knocked', points: 2}]"))
	got := parse(judge, "/log", "door: 203.0.113.9 knocked", start)
	if got, want := words(got), "ban 203.0.113.9/32 by c"; got != want {
		t.Errorf("once: got %q, want %q: a pattern that two jails share counts once in each", got, want)
	}
	judge.book.Lift(only("203.0.113.9"))
	got = parse(judge, "/log", "door: 203.0.113.9 knocked", start)
	if got, want := words(got), "ban 203.0.113.9/32 by a"; got != want {
		t.Errorf("twice: got %q, want %q", got, want)
	}
	if got := parse(judge, "/log", "window: 203.0.113.9 knocked", start); got != nil {
		t.Errorf("another line: got %s", words(got))
	}
	if n := len(judge.Source("/other").Patterns()); n != 0 {
		t.Errorf("a log that no jail reads: got %d patterns", n)
	}
}

func TestReplayReadsLogsAnywhere(t *testing.T) {
	list := func() []*Jail {
		return []*Jail{jailOf(t, "full", "logs: [/var/log/asterisk/full]"), jailOf(t, "both", "logs: [/var/log/asterisk/full, /var/log/asterisk/sec*]")}
	}
	for _, c := range []struct {
		file         string
		live, replay string
	}{
		{"/var/log/asterisk/full", "full both", "full both"},
		{"corpus/full", "", "full both"},
		{"full.1", "", "full both"},
		{"full-20260102.gz", "", "full both"},
		{"security", "", "both"},
		{"/var/log/asterisk/security", "both", "both"},
		{"attack.txt", "", "full both"}, // a name that no jail has
		{"-", "", "full both"},
	} {
		for replay, want := range map[bool]string{false: c.live, true: c.replay} {
			var got []string
			for _, j := range NewJudge(list(), NewGuard(nil, nil), book.NewBook(nil, nil), 1000, replay).Source(c.file).jails {
				got = append(got, j.Name)
			}
			if !slices.Equal(got, strings.Fields(want)) {
				t.Errorf("%s, replay %t: got %v, want %s", c.file, replay, got, want)
			}
		}
	}
}

// The parts of a log that was rotated are one witness; two logs are two.
func TestReplayJoinsRotatedLogs(t *testing.T) {
	judge := NewJudge([]*Jail{jailOf(t, "x", "maxretry: 4\nlogs: [/full, /messages]")}, NewGuard(nil, nil), book.NewBook(nil, nil), 1000, true)
	var got []Verdict
	for i, file := range []string{"full.2.gz", "full.2.gz", "messages", "full.1", "messages", "full"} {
		got = hearIn(judge, file, failure("203.0.113.9"), start.Add(time.Duration(i)*time.Second))
		if i < 5 && got != nil {
			t.Fatalf("after %s: got %s", file, words(got))
		}
	}
	if len(got) != 1 {
		t.Errorf("got %s, want a ban by what the log has in all its parts", words(got))
	}
}
