// Package store keeps the ledger on disk: bans and the lines that led to them, positions in
// the logs, and what operators changed. The warden writes bans and reads them once at
// start; the daemon opens and trims it; the control socket reads history from it for
// jailctl. It must never decide on a ban, change the firewall, or delay a ban: if the
// ledger cannot be written, the record of a ban is lost, never the ban.
//
// Text that came from a log is a BLOB, since log bytes are not UTF-8. Times are
// nanoseconds since 1970 UTC.
package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"

	"pbxjail/configs/hint"
)

// Store is an open ledger. Its methods may be called from any goroutine, one of
// them works at a time, and their errors carry a hint (Hint() string).
type Store struct {
	mu     sync.RWMutex // guards db: Check replaces a damaged ledger
	db     *sql.DB
	path   string
	lock   *os.File
	limits limits
	left   leftOut
	news   atomic.Bool // something is unfiled
}

// limits bound the file, no matter what an attacker makes us record: at most about
// 60 MB of bans and 120 MB of lines. The judge bounds the counts that it keeps to some 20 MB.
type limits struct {
	bans      int64 // rows of bans; those still running are never dropped
	withLines int64 // how many of the newest bans keep their lines
	audit     int64 // rows of the audit
	positions int64 // files whose position is kept
	homes     int64 // accounts and addresses that logged in
	alarms    int64 // about passwords that may be guessed
	moments   int64 // what happened to a prefix
	unfiled   int64 // changes that the history does not have yet
}

func defaultLimits() limits {
	return limits{bans: 200_000, withLines: 20_000, audit: 10_000, positions: 4096, homes: 100_000, alarms: 1024, moments: 8192, unfiled: 400_000}
}

// Notes say what Open found. The zero value means that a good ledger existed.
type Notes struct {
	New   bool   // the ledger starts empty: take over the bans in the kernel
	Aside string // where a damaged file was put; empty when there was none
	Cause error  // what was wrong with it
}

// Open opens the ledger at path, and creates it and its folder when missing. A damaged file
// is moved aside and an empty ledger takes its place; Notes says so. Open looks for damage
// only in the small tables, which a start needs at once: the caller calls Check later. The
// caller must Close. One process at a time can have it open.
func Open(path string, now time.Time) (*Store, Notes, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, Notes{}, fmt.Errorf("cannot find the folder of database %s: %w", path, err)
	}
	s := &Store{path: path, limits: defaultLimits()}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, Notes{}, s.explain("create folder of", err)
	}
	if s.lock, err = lockFile(path + ".lock"); err != nil {
		return nil, Notes{}, s.explain("lock", err)
	}
	notes, err := s.open()
	if damaged(err) {
		notes = Notes{New: true, Cause: err}
		if notes.Aside, err = moveAside(path, now); err == nil {
			_, err = s.open()
		}
	}
	if err != nil {
		s.lock.Close()
		return nil, Notes{}, s.explain("open", err)
	}
	return s, notes, nil
}

// Check looks for damage in the whole ledger. That takes 0.1 s for 65 MB on a machine of 2
// cores, and other calls wait meanwhile. It deals with damage as Open does, and Notes says
// so: what was written since Open is in the file that was moved aside.
func (s *Store) Check(now time.Time) (notes Notes, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.check(); !damaged(err) {
		return Notes{}, s.explain("check", err)
	} else {
		notes = Notes{New: true, Cause: err}
	}
	s.db.Close() // whatever it says: the file is of no use
	if notes.Aside, err = moveAside(s.path, now); err == nil {
		_, err = s.open()
	}
	return notes, s.explain("open", err)
}

// open connects, checks and migrates. On error nothing stays open.
func (s *Store) open() (notes Notes, err error) {
	if s.path != memory {
		if err := createFile(s.path); err != nil {
			return Notes{}, err
		}
	}
	// One connection, held exclusively. Writers exclude each other in SQLite
	// anyway, and reads are rare and short. Exclusive, because then there is no
	// -shm file, so a ledger on a full disk can still be read at start, and no
	// forgotten sqlite3 shell can keep the -wal from being folded in until it
	// fills the disk. Synchronous full: a power cut takes the kernel's sets too,
	// so what we acknowledged must be on the disk; measured, that costs half a
	// millisecond for each transaction.
	dsn := url.URL{Scheme: "file", Path: s.path, RawQuery: "_pragma=locking_mode(exclusive)" +
		"&_pragma=journal_size_limit(8388608)&_busy_timeout=2000&_foreign_keys=on&_synchronous=full&_txlock=immediate&_error_rc=1&_pragma=secure_delete(on)"}
	if s.path == memory {
		dsn.Path, dsn.Opaque = "", memory
	}
	connector, err := sqlite.NewConnector(dsn.String())
	if err != nil {
		return Notes{}, err
	}
	s.db = sql.OpenDB(connector)
	s.db.SetMaxOpenConns(1)
	if notes.New, err = s.prepare(); err != nil {
		s.db.Close()
	}
	return notes, err
}

// createFile makes an empty file with our mode; SQLite gives -wal the same one.
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o640)
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, os.ErrExist) {
		return err
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return hint.Errorf("write the path of a file into the main file, such as database: /var/lib/pbxjail/pbxjail.db; then: systemctl restart pbxjail", "%s is not a file", path)
	}
	return nil
}

// Close writes the -wal into the ledger and closes it.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.db.Close()
	if s.lock != nil { // a ledger in memory has none
		err = errors.Join(err, s.lock.Close())
	}
	return s.explain("close", err)
}

// handle is the database as it is now.
func (s *Store) handle() *sql.DB {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.db
}

// write runs do in one transaction: all of it is on disk, or none.
func (s *Store) write(doing string, do func(tx *sql.Tx) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	tx, err := s.db.Begin()
	if err != nil {
		return s.explain(doing, err)
	}
	if err := do(tx); err != nil {
		// SQLite may have rolled back by itself: then this has nothing to do.
		_ = tx.Rollback()
		return s.explain(doing, err)
	}
	s.news.Store(true)
	return s.explain(doing, tx.Commit())
}

// Rest gives back the memory that earlier questions took, and that later ones take again when
// they need it.
func (s *Store) Rest() {
	_, _ = s.handle().Exec("PRAGMA shrink_memory") // nothing depends on it
}

// query calls each with every row of an answer. A row that each cannot read is left out:
// Unreadable reports it.
func (s *Store) query(doing string, each func(row *sql.Rows) error, text string, args ...any) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	rows, err := s.db.Query(text, args...)
	if err != nil {
		return s.explain(doing, err)
	}
	defer rows.Close()
	bad, first := 0, error(nil)
	for rows.Next() {
		if err := each(rows); err != nil {
			if bad++; first == nil {
				first = fmt.Errorf("cannot %s the database: %w", doing, err)
			}
		}
	}
	s.left.set(doing, bad, first)
	return s.explain(doing, rows.Err())
}
