package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// keepDamaged is how many damaged ledgers are kept for inspection: more copies would fill
// the disk (fail2ban#2796, fail2ban#2801).
const keepDamaged = 3

// moveAside renames the ledger and its -wal and -shm, so that sqlite3's .recover
// still finds them together, and removes the oldest such copies.
func moveAside(path string, now time.Time) (string, error) {
	aside := path + ".damaged-" + now.UTC().Format("20060102-150405")
	if err := os.Rename(path, aside); err != nil {
		return "", err
	}
	for _, part := range []string{"-wal", "-shm"} {
		if err := os.Rename(path+part, aside+part); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	return aside, removeOldest(path)
}

func removeOldest(path string) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	var copies []string // the stamps sort by age
	for _, entry := range entries {
		stamp, ok := strings.CutPrefix(entry.Name(), filepath.Base(path)+".damaged-")
		if ok && !strings.HasSuffix(stamp, "-wal") && !strings.HasSuffix(stamp, "-shm") {
			copies = append(copies, stamp)
		}
	}
	slices.Sort(copies)
	for _, stamp := range copies[:max(0, len(copies)-keepDamaged)] {
		for _, part := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(path + ".damaged-" + stamp + part); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
