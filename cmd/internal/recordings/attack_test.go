package recordings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pbxjail/configs/hint"
)

// attacker is the user of Asterisk: it can write to the folders of recordings.
const attacker = 65534

func onlyRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can plant files of another user")
	}
}

func (f *fixture) own(name string) {
	f.t.Helper()
	if err := os.Lchown(f.path(name), attacker, attacker); err != nil {
		f.t.Fatal(err)
	}
}

// TestLinksAreNotFollowed: whatever the attacker links to from the folder of recordings, it
// is there afterwards.
func TestLinksAreNotFollowed(t *testing.T) {
	f := newFixture(t)
	f.add("/etc/passwd", 100*days)
	f.add("/srv/music/a.wav", 100*days)
	f.add(monitor+"/real.wav", 100*days)
	f.link("/etc/passwd", monitor+"/a.wav")
	f.link("../../../../etc", monitor+"/2020")
	f.link("/srv/music", monitor+"/music")
	f.link("a.wav", monitor+"/b.wav")
	done, sums, err := f.expire(f.expiry(quarter))
	if err != nil || done != "real.wav: deleted" || sums.Skipped.Links != 4 {
		t.Errorf("got %s, %+v, %v", done, sums, err)
	}
	for _, name := range []string{"/etc/passwd", "/srv/music/a.wav", monitor + "/a.wav", monitor + "/2020", monitor + "/music"} {
		if !f.is(name) {
			t.Errorf("%s is gone", name)
		}
	}
}

// TestFolderIsALink: the attacker puts a link in place of the folder itself, or moves one that
// root made.
func TestFolderIsALink(t *testing.T) {
	onlyRoot(t)
	f := newFixture(t)
	f.add("/srv/music/a.wav", 100*days)
	f.folder("/var/spool/asterisk/voicemail")
	f.link("/srv/music", monitor)
	f.own(monitor)
	folders := f.Folders(quarter)
	if done, sums, err := f.expire(f.expiry(quarter)); done != "" || err != nil || sums.Skipped.More != 1 || !f.is("/srv/music/a.wav") {
		t.Errorf("a link of the attacker: got %s, %+v, %v in %+v", done, sums, err, folders)
	}
	if err := os.Remove(f.path(monitor)); err != nil {
		t.Fatal(err)
	}
	f.link("/srv/music", monitor) // of root, in a folder of the attacker
	f.own("/var/spool/asterisk")
	if done, _, err := f.expire(f.expiry(quarter)); err != nil || !strings.Contains(done, Doubtful) || !f.is("/srv/music/a.wav") {
		t.Errorf("a link of root in a folder of the attacker: got %s, %v", done, err)
	}
	p := quarter
	p.Folders = []string{"/srv/music"} // the admin wants it
	if done, _, err := f.expire(f.expiry(p)); err != nil || done != "a.wav: deleted" {
		t.Errorf("a folder of the main file: got %s, %v", done, err)
	}
}

// TestAsteriskNamesAFolder: a file that the attacker can write names a folder; nothing is
// deleted there.
func TestAsteriskNamesAFolder(t *testing.T) {
	onlyRoot(t)
	for _, c := range []struct{ file, text string }{
		{"/etc/asterisk/asterisk.conf", "[directories]\nastspooldir => /home/alice\n"},
		{"/etc/asterisk/extensions_additional.conf", "[globals]\nMIXMON_DIR = /home/alice/monitor/\n"},
		{"/etc/amportal.conf", "MIXMON_DIR=/home/alice/monitor\n"},
	} {
		f := newFixture(t)
		f.add("/home/alice/monitor/a.wav", 100*days)
		f.write(c.file, c.text, 0)
		f.own(c.file)
		if done, _, err := f.expire(f.expiry(quarter)); err != nil || !strings.Contains(done, "a.wav: "+Doubtful) {
			t.Errorf("%s of the attacker: got %s, %v", c.file, done, err)
		}
		if err := os.Chown(f.path(c.file), 0, 0); err != nil {
			t.Fatal(err)
		}
		if done, _, err := f.expire(f.expiry(quarter)); err != nil || done != "a.wav: deleted" {
			t.Errorf("%s of root: got %s, %v", c.file, done, err)
		}
	}
}

// TestSwappedWhileItRuns: the attacker puts a link in the place of a folder, and of a file,
// after they were looked at.
func TestSwappedWhileItRuns(t *testing.T) {
	f := newFixture(t)
	f.add("/etc/a.wav", 100*days)
	f.add(monitor+"/2026/a.wav", 100*days)
	f.add(monitor+"/2026/b.wav", 100*days)
	swapped := false
	_, err := f.scan(context.Background(), f.Folders(quarter), func(at here, list []Recording) error {
		swapped = true
		if err := errors.Join(os.Rename(f.path(monitor+"/2026"), f.path(monitor+"/moved")), os.Symlink("/etc", f.path(monitor+"/2026")),
			os.Remove(f.path(monitor+"/moved/b.wav")), os.Symlink("/etc/a.wav", f.path(monitor+"/moved/b.wav"))); err != nil {
			return err
		}
		if word, why := remove(at.fd, &list[0]); word != Deleted {
			t.Errorf("got %s, %s: the file is in the folder that is open", word, why)
		}
		if word, _ := remove(at.fd, &list[1]); word != Changed {
			t.Errorf("got %s of a name that is a link by now", word)
		}
		return nil
	})
	if err != nil || !swapped || !f.is("/etc/a.wav") || f.is(monitor+"/moved/a.wav") || !f.is(monitor+"/moved/b.wav") {
		t.Errorf("got %v", err)
	}
}

// TestDevices: what is no regular file stays, and is not opened.
func TestDevices(t *testing.T) {
	f := newFixture(t)
	f.folder(monitor)
	f.folder(monitor + "/folder.wav")
	mkfifo(t, f.path(monitor+"/pipe.wav"))
	f.folder("/var/spool/asterisk/voicemail/default/1/INBOX")
	mkfifo(t, f.path("/var/spool/asterisk/voicemail/default/1/INBOX/msg0000.txt"))
	if list := f.all(quarter); len(list) != 0 {
		t.Errorf("got %+v", list)
	}
}

// TestCutOff: the power fails between the trail and the deletion, and after it. The next run
// says what became of each.
func TestCutOff(t *testing.T) {
	f := newFixture(t)
	f.add(monitor+"/a.wav", 100*days)
	f.add(monitor+"/b.wav", 100*days)
	book, err := f.OpenBook(f.state)
	if err != nil {
		t.Fatal(err)
	}
	a, b := book.entry(Deleting, f.one(quarter, monitor+"/a.wav"), "retention 90d", By{}), book.entry(Deleting, f.one(quarter, monitor+"/b.wav"), "retention 90d", By{})
	a.Batch, b.Batch = "lost-1", "lost-1"
	if err := errors.Join(book.write(a, b), os.Remove(f.path(monitor+"/a.wav")), book.Close()); err != nil {
		t.Fatal(err)
	}
	if list := f.trail(); len(list) != 2 || list[0].What != Unknown || list[1].What != Unknown {
		t.Errorf("before the next run: got %+v", list)
	}
	trail, err := os.OpenFile(filepath.Join(f.state, trailName), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := trail.WriteString(`{"at":"2026-`); err != nil { // and within a line
		t.Fatal(err)
	}
	trail.Close()
	done, sums, err := f.expire(f.expiry(quarter))
	if err != nil || done != "b.wav: deleted" || sums.Settled != 2 {
		t.Errorf("got %s, %+v, %v", done, sums, err)
	}
	var got []string
	bad, err := f.Trail(f.state, func(e *Entry) error { got = append(got, e.ID+" "+e.What); return nil })
	if want := a.ID + " deleted, " + b.ID + " not deleted, " + b.ID + " deleted"; err != nil || bad != 1 || strings.Join(got, ", ") != want {
		t.Errorf("got %s, %d damaged lines, %v, want %s", strings.Join(got, ", "), bad, err, want)
	}
}

// TestTwoAtOnce: one expire runs; another one refuses, and a hold waits and counts.
func TestTwoAtOnce(t *testing.T) {
	f := newFixture(t)
	f.add(monitor+"/2026/a.wav", 100*days)
	f.add(monitor+"/2027/b.wav", 100*days)
	var once sync.Once
	_, err := f.Expire(context.Background(), f.expiry(quarter), func(o *Outcome) error {
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	book, err := f.OpenBook(f.state)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	alone, err := book.alone()
	if err != nil {
		t.Fatal(err)
	}
	f.add(monitor+"/c.wav", 100*days)
	if done, _, err := f.expire(f.expiry(quarter)); !errors.Is(err, ErrBusy) || done != "" || !f.is(monitor+"/c.wav") {
		t.Errorf("got %s, %v beside another one", done, err)
	}
	once.Do(func() { alone.Close() })
	if done, _, err := f.expire(f.expiry(quarter)); err != nil || done != "c.wav: deleted" {
		t.Errorf("got %s, %v afterwards", done, err)
	}
	// holds of many processes: each is there
	var group sync.WaitGroup
	for i := range 8 {
		name := monitor + "/many" + string(rune('0'+i)) + ".wav"
		f.add(name, 100*days)
		r := f.one(quarter, name)
		group.Go(func() {
			b, err := f.OpenBook(f.state)
			if err == nil {
				_, err = b.Hold(r, "court", By{})
				b.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if list, err := f.Holds(f.state); err != nil || len(list) != 8 {
		t.Errorf("got %d holds, %v, want 8", len(list), err)
	}
	if done, sums, err := f.expire(f.expiry(quarter)); err != nil || sums.Results[OnHold] != 8 || sums.Results[Deleted] != 0 {
		t.Errorf("got %s, %v", done, err)
	}
}

// TestHeldWhileItRuns: a hold that comes between the look and the deletion counts.
func TestHeldWhileItRuns(t *testing.T) {
	f := newFixture(t)
	f.add(monitor+"/2025/a.wav", 100*days)
	f.add(monitor+"/2026/b.wav", 100*days)
	held := false
	sums, err := f.Expire(context.Background(), f.expiry(quarter), func(o *Outcome) error {
		held = held || o.Result == OnHold
		if o.File != "2025/a.wav" {
			return nil
		}
		// the lock is ours here, as that of another process after the batch would be
		list, err := f.Holds(f.state)
		if err != nil {
			return err
		}
		r := f.one(quarter, monitor+"/2026/b.wav")
		return (&Book{dir: f.state, m: f.Machine}).writeHolds(append(list, newHold(r, "court", By{}, f.Now)))
	})
	if err != nil || !held || sums.Results[Deleted] != 1 || !f.is(monitor+"/2026/b.wav") {
		t.Errorf("got %+v, %v", sums, err)
	}
}

// TestNoTrail: without a trail, or with holds that cannot be trusted, nothing is deleted.
func TestNoTrail(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"the trail is a folder":        func(dir string) error { return os.Mkdir(filepath.Join(dir, trailName), 0o700) },
		"the trail is a link":          func(dir string) error { return os.Symlink("/etc/passwd", filepath.Join(dir, trailName)) },
		"the holds are damaged":        func(dir string) error { return os.WriteFile(filepath.Join(dir, holdsName), []byte("[{"), 0o600) },
		"others can use the folder":    func(dir string) error { return os.Chmod(dir, 0o755) },
		"the folder is a file":         func(dir string) error { return errors.Join(os.Remove(dir), os.WriteFile(dir, nil, 0o600)) },
		"the folder is a link":         func(dir string) error { return errors.Join(os.Rename(dir, dir+"2"), os.Symlink(dir+"2", dir)) },
		"the lock of expire is a link": func(dir string) error { return os.Symlink("/etc/passwd", filepath.Join(dir, expireName)) },
	} {
		f := newFixture(t)
		f.add(monitor+"/a.wav", 100*days)
		if err := errors.Join(os.Mkdir(f.state, 0o700), spoil(f.state)); err != nil {
			t.Fatal(err)
		}
		if done, _, err := f.expire(f.expiry(quarter)); err == nil || done != "" || !f.is(monitor+"/a.wav") {
			t.Errorf("%s: got %s, %v", name, done, err)
		}
	}
}

// TestTrim: old entries are removed, those of holds in force stay.
func TestTrim(t *testing.T) {
	f := newFixture(t)
	f.Now = t0.Add(-1200 * days)
	f.add(monitor+"/a.wav", 100*days)
	f.add(monitor+"/kept.wav", 100*days)
	f.add(monitor+"/new.wav", 0)
	f.hold(quarter, monitor+"/kept.wav", "court")
	if done, _, err := f.expire(f.expiry(quarter)); err != nil || !strings.Contains(done, "a.wav: deleted") {
		t.Fatalf("got %s, %v", done, err)
	}
	f.Now = t0
	f.add(monitor+"/new.wav", 0)
	x := f.expiry(quarter)
	x.Policy.KeepTrail, x.Today = 1000*days, "2026-11-27"
	if done, _, err := f.expire(x); err != nil {
		t.Fatalf("got %s, %v", done, err)
	}
	if list := f.trail(); len(list) != 1 || list[0].What != Held {
		t.Errorf("got %+v", list)
	}
}

// TestDateBeyondJSON: a message or a file whose date is beyond the year 9999 is in the future,
// and JSON can have it: a list and a hold do not fail.
func TestDateBeyondJSON(t *testing.T) {
	f := newFixture(t)
	box := "/var/spool/asterisk/voicemail/default/101/INBOX/"
	f.write(box+"msg0000.txt", "origtime=999999999999\nmsg_id=1-1\n", 100*days)
	f.add(box+"msg0000.wav", 100*days)
	f.add(monitor+"/a.wav", 100*days)
	for name, date := range map[string]time.Time{"/late.wav": time.Unix(1<<39, 0), "/early.wav": time.Unix(-1<<39, 0)} {
		p := f.add(monitor+name, 0)
		_ = os.Chtimes(p, date, date) // a file system without such dates bounds them itself
	}
	list := f.all(quarter)
	if text, err := json.Marshal(list); err != nil || len(list) != 4 {
		t.Errorf("got %d recordings, %s, %v", len(list), text, err)
	}
	f.hold(quarter, box+"msg0000.txt", "court")
	if holds, err := f.Holds(f.state); err != nil || len(holds) != 1 {
		t.Errorf("got %+v, %v", holds, err)
	}
	var st unix.Stat_t
	for _, date := range []int64{1 << 39, -1 << 39} {
		st.Mtim.Sec = date
		if _, err := json.Marshal(partOf("a", &st).mtime); err != nil {
			t.Errorf("a file of %d seconds: %v", date, err)
		}
	}
	if done, sums, err := f.expire(f.expiry(quarter)); err != nil || !f.is(box+"msg0000.txt") || f.is(monitor+"/a.wav") || sums.Future == 0 {
		t.Errorf("got %s, %+v, %v", done, sums, err)
	}
}

// TestManyRecordings: a run deletes no more than its limit and says so, and the next run goes
// on: the trail grows by no more than that in a run.
func TestManyRecordings(t *testing.T) {
	f := newFixture(t)
	for i := range 7 {
		f.write(fmt.Sprintf("%s/%d/a%d.wav", monitor, i/4, i), "", 100*days)
	}
	for run, want := range []int{3, 3, 1} {
		x := f.expiry(quarter)
		x.Most = 3
		done, sums, err := f.expire(x)
		if full := err != nil && strings.Contains(err.Error(), "no more is deleted in this run: it deleted 3 recordings"); sums.Results[Deleted] != want || full != (want == 3) {
			t.Errorf("run %d: got %s, %v", run, done, err)
		}
	}
	if entries := f.trail(); len(entries) != 7 {
		t.Errorf("got %d entries", len(entries))
	}
}

// TestNoSpaceForTrail: a disk with too little space is an error before anything is written.
func TestNoSpaceForTrail(t *testing.T) {
	f := newFixture(t)
	book, err := f.OpenBook(f.state)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	if err := book.hasSpace(1 << 60); !errors.Is(err, unix.ENOSPC) || hint.Of(err) == "" {
		t.Errorf("got %v", err)
	}
	if err := book.hasSpace(0); err != nil {
		t.Errorf("got %v", err)
	}
}
