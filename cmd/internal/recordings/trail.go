package recordings

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"pbxjail/configs/hint"
)

// What an entry of the trail is about.
const (
	Deleting = "deleting" // in the file alone: it is written before the deletion
	Done     = "done"     // in the file alone: the deletions of a batch are over
	Deleted  = "deleted"
	Kept     = "not deleted" // it was to be deleted, and stayed
	Unknown  = "cut off"     // the program ended between the entry and the deletion
	Held     = "held"
	Released = "released"
)

// By is who did something.
type By struct {
	UID     int        `json:"uid"`
	User    string     `json:"user"`         // the name of UID; ""
	Login   string     `json:"login"`        // who logged in to the session, as the kernel says; ""
	Sudo    string     `json:"sudo_user"`    // SUDO_USER of the caller: only the caller says so; ""
	SSH     netip.Addr `json:"ssh,omitzero"` // from where the session came; missing: not over SSH, or not known
	SSHFrom string     `json:"ssh_source"`   // session: the system has it; caller: only the caller says so; ""
	PID     int        `json:"pid"`
}

// Entry is one line of the trail. It has no name of a file and no phone number: the ID is a
// hash of the name, with which somebody who knows the name finds the entry.
type Entry struct {
	At     time.Time         `json:"at"`
	What   string            `json:"what"`
	ID     string            `json:"id,omitempty"`
	Kind   Kind              `json:"kind,omitempty"`
	Folder string            `json:"folder,omitempty"`
	Date   string            `json:"date,omitempty"` // day of the recording
	Size   int64             `json:"size,omitempty"`
	Why    string            `json:"why,omitempty"`   // the retention, or the reason of a hold
	Links  uint64            `json:"links,omitempty"` // other names of the file, which stay
	By     *By               `json:"by,omitempty"`
	Batch  string            `json:"batch,omitempty"`
	Failed map[string]string `json:"failed,omitempty"` // of Done: IDs that stayed, and why
}

// entry is an entry about a recording.
func (b *Book) entry(what string, r *Recording, why string, by By) Entry {
	e := Entry{At: b.m.Now, What: what, ID: r.ID, Kind: r.Kind, Folder: r.Folder, Date: day(r.Date.In(b.m.Zone)), Size: r.Size, Why: why, By: &by}
	for _, p := range r.parts {
		e.Links = max(e.Links, p.links-1)
	}
	return e
}

// write appends entries, and returns when they outlive a power cut. The caller has the lock.
func (b *Book) write(entries ...Entry) (err error) {
	f, err := openOwn(filepath.Join(b.dir, trailName), os.O_RDWR|os.O_CREATE|os.O_APPEND)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hint.Cannot(f.Close())) }()
	info, err := f.Stat()
	if err != nil {
		return hint.Cannot(err)
	}
	var text bytes.Buffer
	if size := info.Size(); size > 0 {
		var last [1]byte
		if _, err := f.ReadAt(last[:], size-1); err != nil {
			return hint.Cannot(err)
		}
		if last[0] != '\n' { // a power cut within a line
			text.WriteByte('\n')
		}
	}
	enc := json.NewEncoder(&text)
	for _, e := range entries {
		if err := enc.Encode(e); err != nil {
			return fmt.Errorf("the trail cannot be written: %w", err)
		}
	}
	if _, err := f.Write(text.Bytes()); err != nil {
		return full(hint.Cannot(err))
	}
	if err := f.Sync(); err != nil {
		return full(hint.Cannot(err))
	}
	if info.Size() == 0 {
		return b.syncDir()
	}
	return nil
}

// hasSpace is an error when the disk of the book has fewer bytes free: a trail that fills it
// would leave no place for a hold.
func (b *Book) hasSpace(least uint64) error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(b.file.Fd()), &st); err != nil {
		return pathError("stat", b.dir, err)
	}
	if free := st.Bavail * uint64(st.Bsize); free < least {
		return full(fmt.Errorf("the disk of %s has only %d MB free, and the trail needs %d MB: %w", b.dir, free>>20, least>>20, unix.ENOSPC))
	}
	return nil
}

// full adds what to do when a disk is full.
func full(err error) error {
	return hint.Add("make free space on the disk of the folder of holds and trail (state below recordings in the main file); to see all disks: df -h", err)
}

// lines reads the trail of a folder, line by line. bad counts lines that are damaged.
func lines(dir string, each func(line []byte, e *Entry) error) (bad int, err error) {
	f, err := openOwn(filepath.Join(dir, trailName), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("the trail cannot be read: %w", err)
	}
	defer f.Close()
	for r := bufio.NewReaderSize(f, 64<<10); ; {
		line, err := r.ReadBytes('\n')
		if len(line) > 0 {
			var e Entry
			if json.Unmarshal(line, &e) != nil {
				bad++
			} else if err := each(line, &e); err != nil {
				return bad, err
			}
		}
		if errors.Is(err, io.EOF) {
			return bad, nil
		}
		if err != nil {
			return bad, hint.Cannot(err)
		}
	}
}

// batches are the ends of the batches of a trail: what failed in each.
func batches(dir string) (ends map[string]map[string]string, err error) {
	ends = map[string]map[string]string{}
	_, err = lines(dir, func(_ []byte, e *Entry) error {
		if e.What == Done {
			ends[e.Batch] = e.Failed
		}
		return nil
	})
	return ends, err
}

// Trail reads who deleted, held and released which recording, the oldest first. What was to be
// deleted is Deleted, Kept or Unknown. bad is how many lines are damaged. A folder that is
// not there has no trail.
func (m *Machine) Trail(dir string, each func(*Entry) error) (bad int, err error) {
	if err := m.safeBook(dir); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	ends, err := batches(dir)
	if err != nil {
		return 0, err
	}
	return lines(dir, func(_ []byte, e *Entry) error {
		switch e.What {
		case Done:
			return nil
		case Deleting:
			failed, over := ends[e.Batch]
			why, stayed := failed[e.ID]
			switch {
			case !over:
				e.What = Unknown
			case stayed:
				e.What, e.Why = Kept, e.Why+"; "+why
			default:
				e.What = Deleted
			}
		}
		return each(e)
	})
}

// open are the deletions that may not have been done: IDs by batch.
func (b *Book) open() (map[string][]string, error) {
	ends, err := batches(b.dir)
	if err != nil {
		return nil, err
	}
	list := map[string][]string{}
	_, err = lines(b.dir, func(_ []byte, e *Entry) error {
		if _, over := ends[e.Batch]; e.What == Deleting && !over {
			list[e.Batch] = append(list[e.Batch], e.ID)
		}
		return nil
	})
	return list, err
}

// settle writes what became of deletions that were cut off: what is there was not deleted.
func (b *Book) settle(cut map[string][]string, there map[string]bool, by By) error {
	for batch, ids := range cut {
		end := Entry{At: b.m.Now, What: Done, Batch: batch, By: &by, Failed: map[string]string{}}
		for _, id := range ids {
			if there[id] {
				end.Failed[id] = "the program was cut off before the deletion"
			}
		}
		if err := b.write(end); err != nil {
			return err
		}
	}
	return nil
}

// trimAfter is how much older than keep_trail the first entry must be until the file is
// written again.
const trimAfter = 7 * 24 * time.Hour

// trim removes entries that are older than keep. The caller has the lock.
func (b *Book) trim(keep time.Duration) error {
	if keep == 0 {
		return nil
	}
	oldest := b.m.Now
	stop := errors.New("enough")
	if _, err := lines(b.dir, func(_ []byte, e *Entry) error { oldest = e.At; return stop }); err != nil && !errors.Is(err, stop) {
		return err
	}
	if b.m.Now.Sub(oldest) < keep+trimAfter {
		return nil
	}
	holds, err := b.m.Holds(b.dir)
	if err != nil {
		return err
	}
	return b.replace(trailName, func(w io.Writer) error {
		_, err := lines(b.dir, func(line []byte, e *Entry) error {
			inForce := e.What == Held && slices.ContainsFunc(holds, func(h Hold) bool { return h.ID == e.ID })
			if b.m.Now.Sub(e.At) > keep && !inForce {
				return nil
			}
			_, err := w.Write(line)
			return err
		})
		return err
	})
}
