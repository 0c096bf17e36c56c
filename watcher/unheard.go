package watcher

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pbxjail/configs/beat"
)

const (
	// restTicks is how many ticks pass between two looks around while the kernel reports
	// every change that matters. They find what it does not report: a folder that something
	// was mounted over, a link that leads elsewhere.
	restTicks = 20
	// unheardTime is how long each tick looks around after one found what no event had
	// reported: the file system sends fewer events than we think.
	unheardTime = time.Minute
)

// pause is how long to rest before the next look around.
func (l *loop) pause(now time.Time) time.Duration {
	if l.unheard || now.Before(l.briskUntil) {
		return beat.Until(now, l.w.opts.Tick)
	}
	return beat.Until(now, restTicks*l.w.opts.Tick)
}

// weigh finds out whether something can change without an event of the kernel.
func (l *loop) weigh() bool {
	if l.wake.fs == nil || len(l.wake.failed) > 0 || len(l.wake.unheard) > 0 {
		return true
	}
	for _, p := range l.patterns {
		if strings.ContainsAny(filepath.Dir(p.text), `*?[\`) { // folders below p.near are not watched
			return true
		}
	}
	for _, f := range l.followers {
		if f.unheard() {
			return true
		}
	}
	return false
}

// unheard reports whether f can change without an event. An inode that was renamed may be in
// any folder now.
func (f *follower) unheard() bool {
	renamed := len(f.gens) > 1 || f.named == nil && len(f.gens) > 0
	if renamed || f.named != nil && f.named.unheard {
		return true
	}
	return f.problem != nil && !errors.Is(f.problem, fs.ErrNotExist) && !errors.Is(f.problem, ErrSame)
}

// mark is what a look around can find changed of f.
func (f *follower) mark() (m seen) {
	if m.named = f.named; m.named != nil {
		m.offset, m.end = m.named.offset, m.named.end
	}
	return m
}

type seen struct {
	named       *generation
	offset, end int64
}

// writtenElsewhere reports whether an open file can be written through a name in another
// folder, where we hear no event: it has two names, or it is mounted over this name. Where
// the kernel does not know that (before Linux 5.8), it is taken for one.
func writtenElsewhere(file *os.File) bool {
	var st unix.Statx_t
	err := unix.Statx(int(file.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_NLINK, &st)
	known := st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0
	return err != nil || !known || st.Nlink > 1 || st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}

// heardAll reports whether the kernel reports each change in a folder: it does so where it
// makes them all itself. The server of a network file system tells it of none
// (inotify(7)). A file system that is not known here is taken for one of those.
func heardAll(folder string) bool {
	var st unix.Statfs_t
	if err := unix.Statfs(folder, &st); err != nil {
		return false
	}
	switch uint32(st.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC, unix.F2FS_SUPER_MAGIC,
		unix.OVERLAYFS_SUPER_MAGIC, unix.RAMFS_MAGIC, unix.REISERFS_SUPER_MAGIC,
		unix.BCACHEFS_SUPER_MAGIC, unix.JFFS2_SUPER_MAGIC, zfsMagic, jfsMagic, ubifsMagic:
		return true
	}
	return false
}

// Numbers that package unix does not have: statfs(2), and the source of ZFS.
const (
	zfsMagic   = 0x2fc12fc1
	jfsMagic   = 0x3153464a
	ubifsMagic = 0x24051905
)
