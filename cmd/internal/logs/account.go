package logs

import (
	"path/filepath"
	"time"

	"pbxjail/parsers"
)

// Account is what was read of one log since the start.
type Account struct {
	Lines    uint64
	Records  uint64    // lines that begin a record of Asterisk's
	Matched  uint64    // events
	Doubtful uint64    // those of them that count for no address
	Last     time.Time // when the last record was read; zero: none yet
	Undated  uint64    // events whose date cannot be read

	Unread  uint64       // lines since the last record, without those of other programs in a syslog
	Example parsers.Text // the beginning of one of these; a caller may have written it
	others  uint64       // lines of other programs

	levels [kinds]uint64 // records by kind
	mark   [kinds]uint64 // those of the folder when this log had its last record
}

// kinds of records that several logs of one Asterisk hold alike.
const (
	notices = iota
	warnings
	errorsKind
	securities
	attempts // attempts to log in that also have a security event
	kinds
)

// maxExample is how much of a line is kept.
const maxExample = 512

// Block is what one block of a log held.
type Block struct {
	Data     []byte
	Lines    int
	Old      bool            // it was written before pbxjail followed the log
	Arrived  time.Time       // when it was read
	Counts   parsers.Counts  // of the log's parser, after the block
	Records  parsers.Records // likewise
	Attempts uint64          // events that have a security event beside them, in this block
}

// Accounts are those of all logs. The zero value has none. It is for one goroutine at a
// time.
type Accounts struct {
	logs    map[string]*Account
	folders map[string]*folder
}

// folder is what all logs in a folder held together: they are of one Asterisk.
type folder struct {
	levels [kinds]uint64
	last   [kinds]time.Time
}

// Take notes a block.
func (a *Accounts) Take(file string, b Block) {
	one, all := a.of(file)
	had, others := one.Records, b.Records.Others-one.others
	one.others = b.Records.Others
	one.Lines += uint64(b.Lines)
	one.Records, one.Matched, one.Doubtful, one.Undated = b.Counts.Heads, b.Counts.Matched, b.Counts.Doubtful, b.Records.Undated
	now := [kinds]uint64{b.Records.Notice, b.Records.Warning, b.Records.Error, b.Records.Security, one.levels[attempts] + b.Attempts}
	if !b.Old { // a log that is read late is read after others
		for k := range now {
			if n := now[k] - one.levels[k]; n > 0 {
				all.levels[k] += n
				all.last[k] = b.Arrived
			}
		}
	}
	one.levels = now
	switch {
	case one.Records > had:
		one.Last, one.Unread, one.Example, one.mark = b.Arrived, 0, parsers.Text{}, all.levels
	case uint64(b.Lines) > others:
		one.Unread += uint64(b.Lines) - others
		one.Example = parsers.TextOf(firstLine(b.Data)).CopyInto(one.Example, maxExample)
	}
}

// of is the account of a log, and that of its folder.
func (a *Accounts) of(file string) (*Account, *folder) {
	if a.logs == nil {
		a.logs, a.folders = map[string]*Account{}, map[string]*folder{}
	}
	dir := filepath.Dir(file)
	all := a.folders[dir]
	if all == nil {
		all = &folder{}
		a.folders[dir] = all
	}
	one := a.logs[file]
	if one == nil {
		one = &Account{mark: all.levels}
		a.logs[file] = one
	}
	return one, all
}

func firstLine(data []byte) []byte {
	data = data[:min(len(data), maxExample)]
	for i, c := range data {
		if c == '\n' {
			return data[:i]
		}
	}
	return data
}

// Of is the account of a log; zero when nothing was read of it.
func (a *Accounts) Of(file string) Account {
	if one := a.logs[file]; one != nil {
		copied := *one
		copied.Example = one.Example.Clone()
		return copied
	}
	return Account{}
}

// missed is how many records of some kinds other logs of the folder had since the last
// record of this one, and when the last of them was read.
func (a *Accounts) missed(file string, wanted [kinds]bool) (n uint64, last time.Time) {
	one, all := a.logs[file], a.folders[filepath.Dir(file)]
	if all == nil {
		return 0, time.Time{}
	}
	for k := range wanted {
		if !wanted[k] {
			continue
		}
		n += all.levels[k]
		if one != nil {
			n -= one.mark[k]
		}
		if all.last[k].After(last) {
			last = all.last[k]
		}
	}
	return n, last
}
