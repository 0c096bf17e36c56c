package recordings

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"pbxjail/configs/hint"
)

// Book is the folder of the holds and of the trail. Its folder belongs to root with mode
// 0700, and is made at the first hold or deletion. Several processes may use it at once: who
// writes has its lock.
type Book struct {
	dir  string
	m    *Machine
	file *os.File // of the lock
}

// The files of a book.
const (
	holdsName   = "holds.json"
	trailName   = "trail.jsonl"
	lockName    = "lock"
	expireName  = "expire.lock"
	lastRunName = "last-run" // of expire: see lastRun
)

// ErrBusy says that another expire runs.
var ErrBusy = hint.New("wait until the other one has ended, and try again", "another jailctl recordings expire runs now")

// OpenBook opens the folder of the policy for writing, and makes it if it is not there. The
// folder must belong to us alone, or another user could take a hold away.
func (m *Machine) OpenBook(dir string) (*Book, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder of holds and trail cannot be made: %w", hint.Cannot(err))
	}
	if err := m.safeBook(dir); err != nil {
		return nil, err
	}
	lock, err := openOwn(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, fmt.Errorf("the lock of holds and trail cannot be opened: %w", err)
	}
	return &Book{dir: dir, m: m, file: lock}, nil
}

// Close ends the use of a book.
func (b *Book) Close() error { return b.file.Close() }

// safeBook refuses a folder that others can change.
func (m *Machine) safeBook(dir string) error {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return pathError("open", dir, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || !m.ours(st.Uid) || st.Mode&0o077 != 0 {
		return hint.Errorf("check who changed it; then: chown root:root "+dir+" && chmod 700 "+dir, "%s is not a folder that only root can use: holds in it cannot be trusted", dir)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return hint.Cannot(err)
	}
	if here := (&Machine{UID: m.UID}); !here.vouched(real) {
		return hint.Errorf("write another folder into state below recordings in the main file, such as /var/lib/pbxjail-recordings", "%s is below a folder that other users than root can write to: holds in it cannot be trusted", dir)
	}
	return nil
}

// openOwn opens a file of the book, with mode 0600.
func openOwn(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	return f, hint.Cannot(err)
}

// locked does something that writes, while no other process writes. It waits for a short
// time: who has the lock deletes some files at most.
func (b *Book) locked(do func() error) error {
	if err := flock(b.file, unix.LOCK_EX); err != nil {
		return fmt.Errorf("the lock of holds and trail cannot be taken: %w", err)
	}
	return errors.Join(do(), flock(b.file, unix.LOCK_UN))
}

// alone makes this the only expire that runs, until the file is closed.
func (b *Book) alone() (*os.File, error) {
	f, err := openOwn(filepath.Join(b.dir, expireName), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, fmt.Errorf("the lock of expire cannot be opened: %w", err)
	}
	if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrBusy
		}
		return nil, fmt.Errorf("the lock of expire cannot be taken: %w", err)
	}
	return f, nil
}

// flock is flock(2), also when a signal comes.
func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// mostBytes bounds the file of holds: mostHolds with the longest names and reasons are less.
const mostBytes = 256 << 20

// Holds reads the holds of a folder; a folder that is not there has none. Anybody who may
// read the folder can call it. A file that cannot be understood is an error: in doubt, all
// recordings are on hold.
func (m *Machine) Holds(dir string) ([]Hold, error) {
	if err := m.safeBook(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, holdsName)
	f, err := openOwn(path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the holds cannot be read: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostBytes))
	if err != nil {
		return nil, fmt.Errorf("the holds cannot be read: %w", hint.Cannot(err))
	}
	var list []Hold
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, hint.Errorf("put "+path+" back from a backup; the trail has each hold with its ID: jailctl recordings trail", "the holds in %s are damaged: %w", path, err)
	}
	return list, nil
}

// writeHolds replaces the holds, so that after a power cut the old or the new ones are there.
func (b *Book) writeHolds(list []Hold) error {
	text, err := json.MarshalIndent(list, "", " ")
	if err != nil {
		return err
	}
	return b.replace(holdsName, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}

// replace writes a file of the book again.
func (b *Book) replace(name string, write func(io.Writer) error) (err error) {
	path := filepath.Join(b.dir, name)
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a run that was cut off
		return hint.Cannot(err)
	}
	f, err := openOwn(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		os.Remove(fresh) // nothing is lost: the old file is there
		return hint.Cannot(err)
	}
	return b.syncDir()
}

// syncDir makes the names of the files outlive a power cut.
func (b *Book) syncDir() error {
	d, err := os.Open(b.dir)
	if err != nil {
		return hint.Cannot(err)
	}
	defer d.Close()
	return hint.Cannot(d.Sync())
}

// Hold puts a recording on hold. The hold counts when Hold returns without an error. If only
// the trail could not be written, the recording is on hold all the same.
func (b *Book) Hold(r *Recording, reason string, by By) (Hold, error) {
	if err := CheckReason(reason); err != nil {
		return Hold{}, err
	}
	h := newHold(r, reason, by, b.m.Now)
	err := b.locked(func() error {
		list, err := b.m.Holds(b.dir)
		if err != nil {
			return err
		}
		if list, err = add(list, h); err != nil {
			return err
		}
		if err := b.writeHolds(list); err != nil {
			return fmt.Errorf("the recording is NOT on hold: the hold cannot be written: %w", err)
		}
		if err := b.write(b.entry(Held, r, reason, by)); err != nil {
			return fmt.Errorf("the recording is on hold, but the trail has no entry of it: %w", err)
		}
		return nil
	})
	return h, err
}

// Release ends holds. The trail is written first: without an entry the recordings stay on hold.
func (b *Book) Release(ids []string, by By) (released []Hold, err error) {
	err = b.locked(func() error {
		list, err := b.m.Holds(b.dir)
		if err != nil {
			return err
		}
		var left []Hold
		var entries []Entry
		for _, h := range list {
			if !slices.Contains(ids, h.ID) {
				left = append(left, h)
				continue
			}
			released = append(released, h)
			entries = append(entries, Entry{At: b.m.Now, What: Released, ID: h.ID, Kind: h.Kind, Folder: h.Folder, Date: day(h.Date), Size: h.Size, Why: h.Reason, By: &by})
		}
		if len(released) == 0 {
			return nil
		}
		if err := b.write(entries...); err != nil {
			return fmt.Errorf("the recording stays on hold: the trail cannot be written: %w", err)
		}
		if err := b.writeHolds(left); err != nil {
			return fmt.Errorf("the recording stays on hold, although the trail says that it was released: %w", err)
		}
		return nil
	})
	return released, err
}

// day is a date without its time.
func day(t time.Time) string { return t.Format(time.DateOnly) }
