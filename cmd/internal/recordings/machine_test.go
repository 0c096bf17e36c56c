package recordings

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var t0 = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

const days = 24 * time.Hour

// fixture is a machine in a folder.
type fixture struct {
	t *testing.T
	*Machine
	state string
	runs  int
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	root := t.TempDir()
	f := &fixture{t: t, state: filepath.Join(t.TempDir(), "state")}
	f.Machine = &Machine{Root: root, Asterisk: "/etc/asterisk", Now: t0, Zone: time.UTC, UID: os.Geteuid(), Synced: true}
	return f
}

// add writes a file of the machine that was written last some time ago.
func (f *fixture) add(name string, ago time.Duration) string {
	f.t.Helper()
	return f.write(name, "sound", ago)
}

func (f *fixture) write(name, text string, ago time.Duration) string {
	f.t.Helper()
	p := f.path(name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), 0o640)); err != nil {
		f.t.Fatal(err)
	}
	f.date(name, ago)
	return p
}

// date sets when a file was written last.
func (f *fixture) date(name string, ago time.Duration) {
	f.t.Helper()
	if err := os.Chtimes(f.path(name), f.Now, f.Now.Add(-ago)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) folder(name string) {
	f.t.Helper()
	if err := os.MkdirAll(f.path(name), 0o755); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) link(target, name string) {
	f.t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(f.path(name)), 0o755), os.Symlink(target, f.path(name))); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) is(name string) bool {
	_, err := os.Lstat(f.path(name))
	return err == nil
}

// all is all recordings.
func (f *fixture) all(p Policy) (list []Recording) {
	f.t.Helper()
	_, err := f.Scan(context.Background(), f.Folders(p), func(some []Recording) error {
		list = append(list, some...)
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return list
}

// one is the recording of a file.
func (f *fixture) one(p Policy, name string) *Recording {
	f.t.Helper()
	found, _, err := f.Find(context.Background(), f.Folders(p), name)
	if err != nil || len(found) != 1 {
		f.t.Fatalf("%s: got %d recordings, %v", name, len(found), err)
	}
	return &found[0]
}

func (f *fixture) expiry(p Policy) Expiry {
	f.runs++
	return Expiry{Policy: p, Folders: f.Folders(p), State: f.state, By: By{UID: 0, User: "root"}, Today: f.Now.Format(time.DateOnly), Run: fmt.Sprint("run", f.runs)}
}

// expire runs expire, and returns what became of which file, in one line.
func (f *fixture) expire(x Expiry) (string, Expired, error) {
	var list []string
	sums, err := f.Expire(context.Background(), x, func(o *Outcome) error {
		text := o.File + ": " + o.Result
		if o.Why != "" {
			text += " (" + o.Why + ")"
		}
		list = append(list, text)
		return nil
	})
	return strings.Join(list, "; "), sums, err
}

func (f *fixture) hold(p Policy, name, reason string) Hold {
	f.t.Helper()
	book, err := f.OpenBook(f.state)
	if err != nil {
		f.t.Fatal(err)
	}
	defer book.Close()
	h, err := book.Hold(f.one(p, name), reason, By{User: "root"})
	if err != nil {
		f.t.Fatal(err)
	}
	return h
}

// trail is the trail, one entry a word.
func (f *fixture) trail() (list []Entry) {
	f.t.Helper()
	bad, err := f.Trail(f.state, func(e *Entry) error {
		list = append(list, *e)
		return nil
	})
	if err != nil || bad != 0 {
		f.t.Fatalf("got %d damaged lines, %v", bad, err)
	}
	return list
}

const monitor = "/var/spool/asterisk/monitor"

var quarter = Policy{Retention: 90 * days, Voicemail: 90 * days}
