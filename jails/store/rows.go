package store

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"pbxjail/configs/hint"
)

// leftOut remembers rows that could not be read, by what was being done. The zero value
// has none. Its methods may be called from any goroutine.
type leftOut struct {
	mu    sync.Mutex
	rows  map[string]int // at the last time; guarded by mu
	first map[string]error
}

func (l *leftOut) set(doing string, rows int, first error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rows == nil {
		l.rows, l.first = map[string]int{}, map[string]error{}
	}
	l.rows[doing], l.first[doing] = rows, first
}

// Unreadable is an error that says how many rows of the ledger cannot be read, and why;
// nil: none. These rows are left out; all others are used.
func (s *Store) Unreadable() error {
	s.left.mu.Lock()
	defer s.left.mu.Unlock()
	rows := 0
	var why error
	for _, doing := range slices.Sorted(maps.Keys(s.left.rows)) {
		if n := s.left.rows[doing]; n > 0 {
			rows += n
			why = s.left.first[doing]
		}
	}
	if rows == 0 {
		return nil
	}
	return hint.Add("these entries are lost, and bans among them end at their time. If you do nothing, this message stays. To begin with an empty database: systemctl stop pbxjail; mv "+s.path+" "+s.path+".old; systemctl start pbxjail (pbxjail keeps the bans of the firewall)",
		fmt.Errorf("pbxjail cannot read %d entries of database %s, and ignores these entries: %w", rows, s.path, why))
}
