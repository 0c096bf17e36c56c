package recordings

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestNothingWithoutRetention: no policy, no deletion, and no file is made.
func TestNothingWithoutRetention(t *testing.T) {
	f := newFixture(t)
	f.add(monitor+"/a.wav", 3000*days)
	list, _, err := f.expire(f.expiry(Policy{}))
	if err == nil || !strings.Contains(err.Error(), "no retention is set") || list != "" || !f.is(monitor+"/a.wav") {
		t.Errorf("got %q, %v", list, err)
	}
	if _, err := os.Stat(f.state); err == nil {
		t.Error("the folder of the trail was made")
	}
}

// TestExpire: what is older than the retention goes, by the later of its dates, and all else
// stays.
func TestExpire(t *testing.T) {
	f := newFixture(t)
	gone := []string{"2026/08/01/out-0301234567-101-20260801-101010-1785578.1.wav", "old.WAV", "old.gsm", "2026/01/01/call.mp3"}
	for _, name := range gone {
		f.add(path.Join(monitor, name), 100*days)
	}
	stays := map[string]time.Duration{
		"new.wav":                             80 * days,
		"edge.wav":                            90 * days,
		"notes.txt":                           900 * days,
		"index.db":                            900 * days,
		"msg0001.txt":                         900 * days,
		"a.wav.gz":                            900 * days,
		"future.wav":                          -900 * days,
		"2026/11/26/copied.wav":               900 * days, // by its folder it is new
		"out-030-101-20261120-101010-1.2.wav": 900 * days,
	}
	for name, ago := range stays {
		f.add(path.Join(monitor, name), ago)
	}
	dry := f.expiry(quarter)
	dry.DryRun = true
	planned, sums, err := f.expire(dry)
	if err != nil || sums.Results[WouldDelete] != len(gone) || sums.Bytes != 5*int64(len(gone)) || sums.Future != 1 {
		t.Fatalf("got %s, %+v, %v", planned, sums, err)
	}
	if _, err := os.Stat(f.state); err == nil {
		t.Error("a dry run made the folder of the trail")
	}
	done, sums, err := f.expire(f.expiry(quarter))
	if want := strings.ReplaceAll(planned, WouldDelete, Deleted); err != nil || done != want || sums.Results[Deleted] != len(gone) {
		t.Errorf("got %s, %v, want %s", done, err, want)
	}
	for _, name := range gone {
		if f.is(path.Join(monitor, name)) {
			t.Errorf("%s is there", name)
		}
	}
	for name := range stays {
		if !f.is(path.Join(monitor, name)) {
			t.Errorf("%s is gone", name)
		}
	}
	if !f.is(monitor + "/2026/08/01") {
		t.Error("the folder of a day is gone")
	}
	entries := f.trail()
	if len(entries) != len(gone) {
		t.Fatalf("got %d entries, want %d", len(entries), len(gone))
	}
	for _, e := range entries {
		if e.What != Deleted || e.Why != "retention 90d" || e.By.User != "root" || e.ID == "" {
			t.Errorf("got %+v", e)
		}
	}
	text, err := os.ReadFile(filepath.Join(f.state, trailName))
	if err != nil || strings.Contains(string(text), "0301234567") || strings.Contains(string(text), "old.gsm") {
		t.Errorf("the trail has a name or a number: %s, %v", text, err)
	}
}

// TestVoicemail: a message goes as a whole, by its newest part; greetings stay.
func TestVoicemail(t *testing.T) {
	f := newFixture(t)
	box := "/var/spool/asterisk/voicemail/default/101/INBOX/"
	text := func(n, origtime, ago string) string {
		return "[message]\ncallerid=\"A\" <0301234567>\norigtime=" + origtime + "\nmsg_id=" + n + "\n"
	}
	f.write(box+"msg0000.txt", text("1-1", "1700000000", ""), 100*days)
	f.add(box+"msg0000.wav", 100*days)
	f.add(box+"msg0000.WAV", 100*days)
	f.write(box+"msg0001.txt", text("1-2", "1795000000", ""), 100*days) // its text says: new
	f.add(box+"msg0001.wav", 100*days)
	f.write(box+"msg0002.txt", text("1-3", "1700000000", ""), 100*days)
	f.add(box+"msg0002.wav", days) // one part is new
	f.add("/var/spool/asterisk/voicemail/default/101/busy.wav", 900*days)
	f.add("/var/spool/asterisk/voicemail/default/101/unavail.gsm", 900*days)
	f.add(box+"other.txt", 900*days)
	if got := f.one(quarter, f.one(quarter, box+"msg0000.wav").ID); len(got.parts) != 3 || got.File != "default/101/INBOX/msg0000.txt" || !got.HasNumber("+49301234567") || !got.HasNumber("101") {
		t.Errorf("got %+v", got)
	}
	f.add(box+".lock", 0)
	done, _, err := f.expire(f.expiry(quarter))
	if err != nil || !strings.Contains(done, "in use (Asterisk has the mailbox open") || !f.is(box+"msg0000.txt") {
		t.Errorf("got %s, %v with a lock", done, err)
	}
	if err := os.Remove(f.path(box + ".lock")); err != nil {
		t.Fatal(err)
	}
	done, _, err = f.expire(f.expiry(quarter))
	if err != nil || done != "default/101/INBOX/msg0000.txt: deleted" {
		t.Errorf("got %s, %v", done, err)
	}
	for _, name := range []string{"msg0000.txt", "msg0000.wav", "msg0000.WAV"} {
		if f.is(box + name) {
			t.Errorf("%s is there", name)
		}
	}
	for _, name := range []string{"msg0001.txt", "msg0001.wav", "msg0002.txt", "msg0002.wav", "../busy.wav", "../unavail.gsm", "other.txt"} {
		if !f.is(box + name) {
			t.Errorf("%s is gone", name)
		}
	}
	f.date(box+"msg0002.wav", 100*days)
	if done, _, err = f.expire(f.expiry(Policy{Retention: 90 * days})); err != nil || done != "" {
		t.Errorf("got %s, %v, want all messages kept", done, err)
	}
}

// TestVoicemailID: Asterisk gives a message another number, and moves it: it keeps its ID.
func TestVoicemailID(t *testing.T) {
	f := newFixture(t)
	box := "/var/spool/asterisk/voicemail/default/101/"
	f.write(box+"INBOX/msg0003.txt", "msg_id=1-2\norigtime=1700000000\n", days)
	f.add(box+"INBOX/msg0003.wav", days)
	before := f.one(quarter, box+"INBOX/msg0003.txt").ID
	f.folder(box + "Old")
	if err := errors.Join(os.Rename(f.path(box+"INBOX/msg0003.txt"), f.path(box+"Old/msg0000.txt")), os.Rename(f.path(box+"INBOX/msg0003.wav"), f.path(box+"Old/msg0000.wav"))); err != nil {
		t.Fatal(err)
	}
	if after := f.one(quarter, box+"Old/msg0000.txt").ID; after != before {
		t.Errorf("got %s after %s", after, before)
	}
}

// TestInUse: a file that a process has open stays.
func TestInUse(t *testing.T) {
	f := newFixture(t)
	open, err := os.Open(f.add(monitor+"/a.wav", 100*days))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	done, _, err := f.expire(f.expiry(quarter))
	if err != nil || !strings.Contains(done, "in use (it is open in ") || !f.is(monitor+"/a.wav") {
		t.Errorf("got %s, %v", done, err)
	}
	open.Close()
	if done, _, err := f.expire(f.expiry(quarter)); err != nil || done != "a.wav: deleted" {
		t.Errorf("got %s, %v", done, err)
	}
}

// TestHold: a recording on hold stays until it is released, also when a folder or its format
// changes.
func TestHold(t *testing.T) {
	f := newFixture(t)
	day := monitor + "/2026/08/01/"
	f.add(day+"out-030-101-20260801-101010-1.2.wav", 100*days)
	f.add(day+"out-030-102-20260801-101010-1.3.wav", 100*days)
	h := f.hold(quarter, day+"out-030-101-20260801-101010-1.2.wav", "court 12 C 345/26")
	check := func(when, want string) {
		t.Helper()
		x := f.expiry(quarter)
		x.DryRun = true
		if done, _, err := f.expire(x); err != nil || done != want {
			t.Errorf("%s: got %s, %v, want %s", when, done, err, want)
		}
	}
	held := "out-030-101-20260801-101010-1.2.wav: on hold (court 12 C 345/26)"
	other := "out-030-102-20260801-101010-1.3.wav: would be deleted"
	check("at first", "2026/08/01/"+held+"; 2026/08/01/"+other)
	if err := os.Rename(f.path(monitor+"/2026/08"), f.path(monitor+"/2026/7")); err != nil {
		t.Fatal(err)
	}
	check("after a rename of a parent", "2026/7/01/"+held+"; 2026/7/01/"+other)
	f.add(monitor+"/out-030-101-20260801-101010-1.2.mp3", 100*days)
	if err := os.Remove(f.path(monitor + "/2026/7/01/out-030-101-20260801-101010-1.2.wav")); err != nil {
		t.Fatal(err)
	}
	check("after conversion", "2026/7/01/"+other+"; out-030-101-20260801-101010-1.2.mp3: on hold (court 12 C 345/26)")

	book, err := f.OpenBook(f.state)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	if released, err := book.Release([]string{h.ID}, By{User: "root"}); err != nil || len(released) != 1 {
		t.Errorf("got %v, %v", released, err)
	}
	if done, sums, err := f.expire(f.expiry(quarter)); err != nil || sums.Results[Deleted] != 2 {
		t.Errorf("got %s, %v", done, err)
	}
	var got []string
	for _, e := range f.trail() {
		got = append(got, e.What+" "+e.Why)
	}
	if text := strings.Join(got, ", "); text != "held court 12 C 345/26, released court 12 C 345/26, deleted retention 90d, deleted retention 90d" {
		t.Errorf("got the trail %s", text)
	}
	info, err := os.Stat(filepath.Join(f.state, holdsName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
}

// TestClock: a clock that jumped ahead deletes nothing, unless the admin gives the date.
func TestClock(t *testing.T) {
	const never = 5000 * days
	for _, c := range []struct {
		name   string
		jump   time.Duration
		run    time.Duration // how long before the jump expire ran last
		synced bool
		after  bool // a call was recorded after the jump
		today  string
		want   string
	}{
		{"two years ahead", 730 * days, never, true, false, "", "the clock may be wrong"},
		{"two years ahead, with calls since", 730 * days, never, true, true, "", "the clock may be wrong"},
		{"two years ahead, no time service", 730 * days, never, false, true, "", "no time service sets the clock"},
		{"100 days ahead, no time service", 100 * days, never, false, true, "", "the clock may be wrong"},
		{"360 days ahead, forged NTP", 360 * days, never, true, false, "", "the clock may be wrong"},
		{"360 days ahead, forged NTP, a run yesterday", 360 * days, days, true, false, "", "the clock may be wrong"},
		{"60 days ahead, forged NTP, a run yesterday, with calls since", 60 * days, days, true, true, "", "no run of expire from 2026-11-27 until 2027-01-26"},
		{"60 days ahead, the first run", 60 * days, never, true, true, "", "the clock may be wrong"},
		{"a first run, all recordings are old", 100 * days, never, true, false, "", "the clock may be wrong"},
		{"right", 0, never, false, false, "", ""},
		{"right, a run yesterday", 0, days, true, false, "", ""},
		{"right, a run long ago, calls since", 0, 110 * days, true, false, "", ""},
		{"right, an earlier run with a wrong clock", 0, -900 * days, true, false, "", ""},
		{"100 days ahead, an earlier run far in the future", 100 * days, -900 * days, true, false, "", "the clock may be wrong"},
		{"a pause of 20 days", 20 * days, days, true, false, "", ""},
		{"the admin says so", 730 * days, days, true, false, "2028-11-26", ""},
		{"an old line of cron", 730 * days, never, true, false, "2026-11-27", "--today says 2026-11-27"},
	} {
		f := newFixture(t)
		for ago := time.Duration(0); ago < 120*days; ago += days {
			f.add(monitor+"/"+t0.Add(-ago).Format(time.DateOnly)+".wav", ago)
		}
		if c.run != never {
			f.lastRun(t0.Add(-c.run))
		}
		f.Now, f.Synced = t0.Add(c.jump), c.synced
		if c.after {
			f.add(monitor+"/new.wav", time.Hour)
		}
		x := f.expiry(quarter)
		x.Today = c.today
		done, _, err := f.expire(x)
		switch {
		case c.want == "" && (err != nil || done == ""):
			t.Errorf("%s: got %q, %v, want deletions", c.name, done, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || done != "" || len(f.trail()) != 0):
			t.Errorf("%s: got %q, %v, want %q", c.name, done, err, c.want)
		}
		if c.want == "" {
			continue
		}
		doubts := 0
		x.DryRun, x.Doubted = true, func(error) { doubts++ }
		if done, _, err := f.expire(x); doubts != 1 || err == nil || !strings.Contains(done, WouldDelete) {
			t.Errorf("%s: got %q, %v of a dry run, want the list and the doubt", c.name, done, err)
		}
	}
}

// TestLastRun: each run with a plausible clock is a witness for the next one; a run that was
// refused is none.
func TestLastRun(t *testing.T) {
	f := newFixture(t)
	for ago := time.Duration(0); ago < 80*days; ago += days {
		f.add(monitor+"/"+t0.Add(-ago).Format(time.DateOnly)+".wav", ago)
	}
	run := func(after time.Duration) (string, error) {
		f.Now = t0.Add(after)
		x := f.expiry(quarter)
		x.Today = ""
		done, _, err := f.expire(x)
		return done, err
	}
	if done, err := run(0); err != nil || done != "" {
		t.Fatalf("got %q, %v", done, err)
	}
	if last, err := lastRun(f.state); err != nil || !last.Equal(t0) {
		t.Errorf("got %v, %v, want the first run", last, err)
	}
	f.Now = t0.Add(50 * days)
	f.add(monitor+"/new.wav", 0)
	for range 2 {
		if done, err := run(50 * days); err == nil || done != "" {
			t.Errorf("got %q, %v, want a doubt", done, err)
		}
	}
	if last, err := lastRun(f.state); err != nil || !last.Equal(t0) {
		t.Errorf("got %v, %v, want the first run", last, err)
	}
}

// lastRun makes expire run at another time.
func (f *fixture) lastRun(at time.Time) {
	f.t.Helper()
	book, err := (&Machine{Root: f.Root, UID: f.UID, Now: at}).OpenBook(f.state)
	if err != nil {
		f.t.Fatal(err)
	}
	defer book.Close()
	if err := book.ran(); err != nil {
		f.t.Fatal(err)
	}
}
