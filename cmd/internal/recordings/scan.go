package recordings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Recording is a call, or a voicemail message with all its files.
type Recording struct {
	ID       string    `json:"id"`
	Kind     Kind      `json:"kind"`
	Folder   string    `json:"folder"`   // as Folder.Path
	File     string    `json:"file"`     // below Folder; of a message the one with the text
	Size     int64     `json:"size"`     // bytes, of all files
	Date     time.Time `json:"date"`     // the latest of the dates of the file, its name and its text
	Mode     string    `json:"mode"`     // such as 0640; of several files, what all of them allow together
	UID      uint32    `json:"uid"`      // the owner
	GID      uint32    `json:"gid"`      // the group
	Everyone bool      `json:"everyone"` // every user of the machine can read it
	Hold     *Hold     `json:"hold"`     // null: not on hold

	message string // of voicemail: what stays the same when Asterisk gives it another number
	caller  string // of voicemail
	parts   []part
}

// part is a file as it was when it was looked at.
type part struct {
	name  string // in its folder
	id    key
	size  int64
	mtime time.Time
	mode  uint32
	uid   uint32
	gid   uint32
	links uint64
}

// Path is the whole path of the recording.
func (r *Recording) Path() string { return path.Join(r.Folder, r.File) }

// HasNumber reports whether the name of the recording has a phone number, or of voicemail
// the mailbox or the caller.
func (r *Recording) HasNumber(number string) bool {
	if r.Kind == Voicemail {
		return hasNumber(r.caller, number) || hasNumber(path.Dir(r.File), number)
	}
	return hasNumber(spoken(r.File), number)
}

// Age is how old the recording is; 0 when its date is in the future.
func (r *Recording) Age(now time.Time) time.Duration { return max(0, now.Sub(r.Date)) }

const (
	// atOnce is how many names of a folder are read at once: a folder may have any number.
	atOnce = 2048
	// maxDepth is how deep folders are read.
	maxDepth = 16
	// maxMessages is how many files a folder of a mailbox may have: 9999 messages in four
	// formats (asterisk:apps/app_voicemail.c, MAXMSGLIMIT).
	maxMessages = 50_000
)

// Skipped counts what a scan passed over.
type Skipped struct {
	Links    int     `json:"links"`    // symbolic links
	Deep     int     `json:"deep"`     // folders that are too deep
	Problems []error `json:"-"`        // what could not be read; the first ones
	More     int     `json:"problems"` // how many of those there are
}

// mostProblems is how many problems are kept.
const mostProblems = 20

func (s *Skipped) problem(err error) {
	if s.More++; len(s.Problems) < mostProblems {
		s.Problems = append(s.Problems, err)
	}
}

// here is the folder of some recordings, open while they are visited.
type here struct {
	fd     int
	folder *Folder
	rel    string // below the folder
}

// scan is one walk through all folders.
type scan struct {
	ctx     context.Context
	m       *Machine
	folders []Folder
	folder  *Folder
	skipped Skipped
	visit   func(here, []Recording) error
}

// Scan walks through the folders and visits their recordings, some of one folder at once,
// sorted within it. It needs no more memory for more files. An error of visit ends the scan.
func (m *Machine) Scan(ctx context.Context, folders []Folder, visit func([]Recording) error) (Skipped, error) {
	return m.scan(ctx, folders, func(_ here, list []Recording) error { return visit(list) })
}

func (m *Machine) scan(ctx context.Context, folders []Folder, visit func(here, []Recording) error) (Skipped, error) {
	s := &scan{ctx: ctx, m: m, folders: folders, visit: visit}
	for i := range folders {
		s.folder = &folders[i]
		if s.folder.Err != nil {
			s.skipped.problem(s.folder.Err)
			continue
		}
		if err := s.top(); err != nil {
			return s.skipped, err
		}
	}
	return s.skipped, nil
}

// top walks through one of the folders.
func (s *scan) top() error {
	o, err := s.m.openFolder(s.folder.Path)
	if err != nil {
		s.skipped.problem(err)
		return nil
	}
	defer o.file.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(o.file.Fd()), &st); err != nil {
		s.skipped.problem(pathError("stat", s.folder.Path, err))
		return nil
	}
	if keyOf(&st) != s.folder.id {
		s.skipped.problem(fmt.Errorf("cannot read %s: another folder was put in its place", s.folder.Path))
		return nil
	}
	return s.dir(o.file, "", 0, o.closed)
}

// dir walks through a folder that is open. closed: others cannot reach what is in it.
func (s *scan) dir(d *os.File, rel string, depth int, closed bool) error {
	most := atOnce
	if s.folder.Kind == Voicemail {
		most = maxMessages // the parts of a message may be anywhere
	}
	for {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		names, err := d.Readdirnames(most)
		slices.Sort(names)
		if err := s.some(d, rel, names, depth, closed); err != nil {
			return err
		}
		switch {
		case errors.Is(err, io.EOF), err == nil && len(names) == 0:
			return nil
		case err != nil:
			s.skipped.problem(pathError("read", path.Join(s.folder.Path, rel), err))
			return nil
		}
	}
}

// some visits the recordings among some names of a folder, and walks through its folders.
func (s *scan) some(d *os.File, rel string, names []string, depth int, closed bool) error {
	at := here{int(d.Fd()), s.folder, rel}
	var found []Recording
	var parts map[string][]part // of messages
	for _, name := range names {
		var st unix.Stat_t
		if err := unix.Fstatat(at.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			if !errors.Is(err, unix.ENOENT) { // it is gone by now
				s.skipped.problem(pathError("stat", path.Join(s.folder.Path, rel, name), err))
			}
			continue
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
			if err := s.sub(at, name, &st, depth+1, closed || st.Mode&0o001 == 0); err != nil {
				return err
			}
		case unix.S_IFLNK:
			s.skipped.Links++
		case unix.S_IFREG:
			m := messageName.FindStringSubmatch(name)
			switch {
			case s.folder.Kind == Voicemail && m != nil && (m[2] == "txt" || isSound(name)):
				if parts == nil {
					parts = map[string][]part{}
				}
				parts[m[1]] = append(parts[m[1]], partOf(name, &st))
			case s.folder.Kind == Calls && isSound(name):
				found = append(found, s.call(at, name, &st, closed))
			}
		}
	}
	for name, list := range parts {
		found = append(found, s.message(at, name, list, closed))
	}
	if len(found) == 0 {
		return nil
	}
	slices.SortFunc(found, func(a, b Recording) int { return cmp.Compare(a.File, b.File) })
	return s.visit(at, found)
}

// sub walks through a folder below.
func (s *scan) sub(at here, name string, st *unix.Stat_t, depth int, closed bool) error {
	if slices.ContainsFunc(s.folders, func(f Folder) bool { return f.Err == nil && f.id == keyOf(st) }) {
		return nil // it is one of the folders itself
	}
	if depth > maxDepth {
		s.skipped.Deep++
		return nil
	}
	rel := path.Join(at.rel, name)
	fd, err := unix.Openat(at.fd, name, readFolder, 0)
	if err != nil {
		s.skipped.problem(pathError("open", path.Join(s.folder.Path, rel), err))
		return nil
	}
	d := os.NewFile(uintptr(fd), rel)
	defer d.Close()
	return s.dir(d, rel, depth, closed)
}

// The dates that a recording can have: JSON has no year beyond 9999 (RFC 3339), whereas a file
// system and the text of a message have.
var (
	firstDate = time.Unix(0, 0)
	lastDate  = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
)

// bounded is a date, or the nearest one that a recording can have: what is beyond the end is
// in the future as before, and never deleted.
func bounded(date time.Time) time.Time {
	switch {
	case date.Before(firstDate):
		return firstDate
	case date.After(lastDate):
		return lastDate
	}
	return date
}

func partOf(name string, st *unix.Stat_t) part {
	return part{name: name, id: keyOf(st), size: st.Size, mtime: bounded(time.Unix(st.Mtim.Unix())), mode: st.Mode, uid: st.Uid, gid: st.Gid, links: uint64(st.Nlink)}
}

// call is the recording of a call.
func (s *scan) call(at here, name string, st *unix.Stat_t, closed bool) Recording {
	p := partOf(name, st)
	r := Recording{
		Kind: Calls, Folder: at.folder.Path, File: path.Join(at.rel, name), Size: p.size, Date: p.mtime, UID: st.Uid, GID: st.Gid,
		Mode: modeText(p.mode), Everyone: !closed && p.mode&0o004 != 0, parts: []part{p},
	}
	r.ID = idOf(r.File)
	if named := bounded(namedDate(r.File, s.m.Zone)); named.After(r.Date) {
		r.Date = named
	}
	return r
}

func modeText(mode uint32) string { return fmt.Sprintf("%04o", mode&0o7777) }
