package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"pbxjail/configs/hint"
)

// errDamaged is what a check of the file found wrong.
var errDamaged = errors.New("the file is damaged")

// damaged reports whether only a new file helps.
func damaged(err error) bool {
	code := sqliteCode(err)
	return errors.Is(err, errDamaged) || code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}

// sqliteCode is the primary result code, 0 when err is not SQLite's.
func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// explain adds to err what was being done, and a hint unless err has one.
func (s *Store) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("cannot %s database %s: %w", doing, s.path, err)
	if hint.Of(err) != "" {
		return err
	}
	return hint.Add(s.hint(err), err)
}

func (s *Store) hint(err error) string {
	folder := filepath.Dir(s.path)
	code := sqliteCode(err)
	switch {
	case code == sqlite3.SQLITE_FULL, errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "free space on the disk of " + folder + " (df -h " + folder + "); until then, bans stay in force, but are not saved"
	case code == sqlite3.SQLITE_READONLY, errors.Is(err, syscall.EROFS):
		return "let pbxjail write to " + folder + ": findmnt -T " + folder + " shows where the disk is mounted; if it is read-only (ro): mount -o remount,rw TARGET"
	case code == sqlite3.SQLITE_PERM, code == sqlite3.SQLITE_CANTOPEN, errors.Is(err, os.ErrPermission):
		return hint.Writable(s.path)
	case code == sqlite3.SQLITE_BUSY, code == sqlite3.SQLITE_LOCKED:
		return "end the program that has the database open, perhaps sqlite3: fuser -v " + s.path
	case damaged(err):
		return "systemctl restart pbxjail; pbxjail then starts an empty database, keeps the bans of the firewall, and renames the damaged file"
	case code == sqlite3.SQLITE_IOERR, errors.Is(err, syscall.EIO):
		return "look for errors of the disk: dmesg. To use another disk: systemctl stop pbxjail; copy " + folder + " to that disk; write the new path into the main file (database: PATH); systemctl start pbxjail"
	}
	return "the database must be on a local disk, in a folder that exists and that pbxjail may write to: ls -ld " + folder + ". To use another folder, write into the main file: database: /var/lib/pbxjail/pbxjail.db; then: systemctl restart pbxjail"
}
