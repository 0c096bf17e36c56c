package recordings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// Expiry is one run of expire.
type Expiry struct {
	Policy  Policy
	Folders []Folder
	State   string // the folder of the book
	DryRun  bool   // nothing is written or deleted
	Today   string // the date that the admin gives; see doubt
	By      By
	Run     string // names the run in the trail; no other run may have it
	Most    int    // recordings that are deleted; 0: mostDeletions

	// Doubted is called in a dry run before the first outcome if the clock may be wrong; nil: it
	// is not. Expire returns the same error at the end.
	Doubted func(error)
}

// What became of a recording that is older than the policy says.
const (
	WouldDelete = "would be deleted"
	OnHold      = "on hold"
	InUse       = "in use"
	Doubtful    = "folder not trusted"
	Changed     = "changed just now"
	Failed      = "not deleted"
)

// Outcome is what became of one recording.
type Outcome struct {
	Recording
	Result string `json:"result"` // Deleted, or one of the words above
	Why    string `json:"why"`    // more about it; ""
}

// Expired are the sums of a run.
type Expired struct {
	Results map[string]int `json:"results"` // how many recordings, by Outcome.Result
	Bytes   int64          `json:"bytes"`   // of those that were deleted, or would be
	Kept    int            `json:"kept"`    // recordings that are younger than the policy says
	Future  int            `json:"future"`  // recordings whose date is in the future; never deleted
	Hidden  int            `json:"hidden"`  // processes whose open files we may not see
	Settled int            `json:"settled"` // deletions of an earlier run that was cut off
	Skipped Skipped        `json:"skipped"`
}

// expiry is a run that goes on.
type expiry struct {
	Expiry
	m      *Machine
	book   *Book // nil in a dry run
	users  users
	since  int // deletions since users was read
	holds  *held
	batch  int
	sums   Expired
	each   func(*Outcome) error
	buffer []*Recording
	enough bool  // Most recordings are deleted
	doubt  error // of a dry run: why expire would delete nothing
}

// mostDeletions bounds the deletions of a run, and so how much a run writes into the trail: who
// can write into a folder of recordings can make any number of empty ones that are old.
const mostDeletions = 100_000

// leastFree is how many bytes must be free on the disk of the trail before a deletion.
const leastFree = 16 << 20

// lookAgain is after how many deletions the open files are read again.
const lookAgain = 1000

// Expire deletes the recordings that are older than the policy says, and calls each for every
// one of them. It deletes nothing when no retention is set, when the clock may be wrong, when
// the holds cannot be read, when the trail cannot be written, or when another expire runs.
func (m *Machine) Expire(ctx context.Context, x Expiry, each func(*Outcome) error) (Expired, error) {
	e := &expiry{Expiry: x, m: m, each: each, sums: Expired{Results: map[string]int{}}}
	if x.Policy.Retention == 0 && x.Policy.Voicemail == 0 {
		return e.sums, hint.New("write how long recordings are kept into the main file: recordings: {retention: 90d}; jailctl recordings expire --dry-run then shows what would be deleted", "nothing is deleted: no retention is set")
	}
	if !x.DryRun {
		book, err := m.OpenBook(x.State)
		if err != nil {
			return e.sums, fmt.Errorf("nothing is deleted: %w", err)
		}
		defer book.Close()
		alone, err := book.alone()
		if err != nil {
			return e.sums, err
		}
		defer alone.Close()
		e.book = book
	}
	if err := e.readHolds(); err != nil {
		return e.sums, fmt.Errorf("nothing is deleted: %w", err)
	}
	if err := e.prepare(ctx); err != nil {
		return e.sums, err
	}
	skipped, err := m.scan(ctx, x.Folders, e.visit)
	e.sums.Skipped = skipped
	return e.sums, cmp.Or(err, e.doubt)
}

func (e *expiry) readHolds() error {
	list, err := e.m.Holds(e.State)
	if err == nil {
		e.holds = index(list)
	}
	return err
}

// prepare looks at all recordings before the first one is deleted: whether the clock may be
// wrong, and what became of deletions that were cut off.
func (e *expiry) prepare(ctx context.Context) error {
	cut, there := map[string][]string{}, map[string]bool{}
	if e.book != nil {
		var err error
		if cut, err = e.book.open(); err != nil {
			return fmt.Errorf("nothing is deleted: %w", err)
		}
		for _, ids := range cut {
			e.sums.Settled += len(ids)
			for _, id := range ids {
				there[id] = false
			}
		}
	}
	last, err := lastRun(e.State)
	if err != nil {
		return fmt.Errorf("nothing is deleted: %w", err)
	}
	dates := newCalendar(e.m.Now, e.Policy.shortest())
	_, err = e.m.Scan(ctx, e.Folders, func(list []Recording) error {
		for i := range list {
			r := &list[i]
			if _, asked := there[r.ID]; asked {
				there[r.ID] = true
			}
			dates.see(r.Date)
		}
		return nil
	})
	if err != nil {
		return err
	}
	sure, err := e.m.doubt(dates, last, e.Today)
	if err != nil && e.DryRun {
		e.doubt = err // the admin sees the list first
	} else if err != nil {
		return err
	}
	if e.doubt != nil && e.Doubted != nil {
		e.Doubted(e.doubt)
	}
	if e.book != nil {
		err := e.book.locked(func() error {
			if err := errors.Join(e.book.settle(cut, there, e.By), e.book.trim(e.Policy.KeepTrail)); err != nil || !sure {
				return err
			}
			return e.book.ran()
		})
		if err != nil {
			return fmt.Errorf("nothing is deleted: the trail cannot be written: %w", err)
		}
	}
	return e.lookAtUsers()
}

func (e *expiry) lookAtUsers() (err error) {
	if e.users, err = usersOf(e.m.proc()); err != nil {
		return fmt.Errorf("nothing is deleted: pbxjail cannot see which files are open: %w", hint.Cannot(err))
	}
	e.since, e.sums.Hidden = 0, e.users.hidden
	return nil
}

// visit deletes what is too old among some recordings of one folder.
func (e *expiry) visit(at here, list []Recording) error {
	e.buffer = e.buffer[:0]
	for i := range list {
		r := &list[i]
		keep := e.Policy.keep(r.Kind)
		switch {
		case r.Date.After(e.m.Now):
			e.sums.Future++
		case keep == 0 || r.Age(e.m.Now) <= keep:
			e.sums.Kept++
		default:
			e.buffer = append(e.buffer, r)
		}
	}
	if len(e.buffer) == 0 {
		return nil
	}
	if e.since >= lookAgain {
		if err := e.lookAtUsers(); err != nil {
			return err
		}
	}
	if e.DryRun {
		for _, r := range e.buffer {
			word, why := e.refuse(at, r)
			if word == "" {
				word = WouldDelete
			}
			if err := e.tell(r, word, why); err != nil {
				return err
			}
		}
		return nil
	}
	return e.book.locked(func() error { return e.delete(at) })
}

// refuse says why a recording must stay; "" when it may be deleted.
func (e *expiry) refuse(at here, r *Recording) (word, why string) {
	if h := e.holds.of(r); h != nil {
		r.Hold = h
		return OnHold, h.Reason
	}
	if at.folder.Doubt != "" {
		return Doubtful, at.folder.Doubt
	}
	for _, p := range r.parts {
		if who, open := e.users.open[p.id]; open {
			return InUse, "it is open in " + who
		}
	}
	if r.Kind == Voicemail {
		var st unix.Stat_t
		if unix.Fstatat(at.fd, ".lock", &st, unix.AT_SYMLINK_NOFOLLOW) == nil { // asterisk:main/app.c, ast_lock_path
			return InUse, "Asterisk has the mailbox open (" + path.Join(at.folder.Path, at.rel, ".lock") + ")"
		}
	}
	return "", ""
}

// delete writes the trail, and then deletes. It has the lock, so no hold comes in between.
func (e *expiry) delete(at here) error {
	if err := e.readHolds(); err != nil {
		return fmt.Errorf("no more is deleted: %w", err)
	}
	var doomed []*Recording
	var entries []Entry
	e.batch++
	batch := fmt.Sprintf("%s-%d", e.Run, e.batch)
	for _, r := range e.buffer {
		word, why := e.refuse(at, r)
		if word != "" {
			if err := e.tell(r, word, why); err != nil {
				return err
			}
			continue
		}
		if e.sums.Results[Deleted]+len(doomed) == cmp.Or(e.Most, mostDeletions) {
			e.enough = true
			break
		}
		one := e.book.entry(Deleting, r, "retention "+show.Duration(e.Policy.keep(r.Kind)), e.By)
		one.Batch = batch
		doomed, entries = append(doomed, r), append(entries, one)
	}
	if len(doomed) == 0 {
		return e.tooMany()
	}
	if err := e.book.hasSpace(leastFree); err != nil {
		return fmt.Errorf("no more is deleted: %w", err)
	}
	if err := e.book.write(entries...); err != nil {
		return fmt.Errorf("no more is deleted: the trail cannot be written: %w", err)
	}
	end := Entry{At: e.m.Now, What: Done, Batch: batch, Failed: map[string]string{}}
	results := make([]string, len(doomed))
	for i, r := range doomed {
		var why string
		if results[i], why = remove(at.fd, r); results[i] != Deleted {
			end.Failed[r.ID] = results[i] + ": " + why
		}
	}
	if err := unix.Fsync(at.fd); err != nil && !errors.Is(err, unix.EINVAL) { // some file systems have none for folders
		return fmt.Errorf("the deletions in %s may not outlive a power cut: %w", path.Join(at.folder.Path, at.rel), err)
	}
	if err := e.book.write(end); err != nil {
		return fmt.Errorf("recordings were deleted, and the trail says so, but not that it is over; no more is deleted: %w", err)
	}
	e.since += len(doomed)
	for i, r := range doomed {
		if err := e.tell(r, results[i], end.Failed[r.ID]); err != nil {
			return err
		}
	}
	return e.tooMany()
}

// tooMany is the error that ends a run which has deleted enough.
func (e *expiry) tooMany() error {
	if !e.enough {
		return nil
	}
	return hint.Errorf("look whether so many old recordings are right: jailctl recordings expire --dry-run; to go on, run jailctl recordings expire again",
		"no more is deleted in this run: it deleted %s, and older ones than the policy says are left", show.Count(e.sums.Results[Deleted], "recording"))
}

// remove deletes the files of a recording from a folder that is open, the text of a message
// first, as Asterisk does (asterisk:apps/app_voicemail.c, vm_delete). A name that is another
// file by now stays.
func remove(fd int, r *Recording) (word, why string) {
	parts := slices.Clone(r.parts)
	slices.SortFunc(parts, func(a, b part) int { return order(a.name) - order(b.name) })
	for _, p := range parts {
		var st unix.Stat_t
		err := unix.Fstatat(fd, p.name, &st, unix.AT_SYMLINK_NOFOLLOW)
		if errors.Is(err, fs.ErrNotExist) {
			return Changed, "it is gone: another program deleted or moved it"
		}
		if err != nil {
			return Failed, err.Error()
		}
		if now := partOf(p.name, &st); st.Mode&unix.S_IFMT != unix.S_IFREG || now.id != p.id || now.size != p.size || !now.mtime.Equal(p.mtime) {
			return Changed, "another program changed it"
		}
	}
	for _, p := range parts {
		if err := unix.Unlinkat(fd, p.name, 0); err != nil {
			return Failed, err.Error()
		}
	}
	return Deleted, ""
}

// order puts the text of a message first.
func order(name string) int {
	if path.Ext(name) == ".txt" {
		return 0
	}
	return 1
}

// tell reports what became of a recording.
func (e *expiry) tell(r *Recording, word, why string) error {
	if e.sums.Results[word]++; word == Deleted || word == WouldDelete {
		e.sums.Bytes += r.Size
	}
	return e.each(&Outcome{Recording: *r, Result: word, Why: why})
}
