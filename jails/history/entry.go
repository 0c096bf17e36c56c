package history

import (
	"database/sql"
	"math"
	"net/netip"
	"slices"
	"time"

	"pbxjail/configs/prefix"
)

// What an entry is.
const (
	Ban      = "ban"
	Observed = "observed" // a ban that was decided while nothing was dropped
	Guessed  = "guessed"  // an alarm: the password of an account may be guessed
	Stolen   = "stolen"   // an alarm: an account makes calls like a thief
	Barred   = "barred"   // Asterisk was asked to refuse the calls of such an account
)

// Whats are the words for What.
var Whats = []string{Ban, Observed, Guessed, Stolen, Barred}

// Entry is one ban or one alarm. Times are UTC.
type Entry struct {
	What     string
	Prefix   netip.Prefix // invalid: it is about no address
	Short    bool         // the address was shortened: Prefix is its network
	Jail     string
	Country  string // ISO 3166 code; "": not known
	ASN      uint32 // 0: not known
	Kind     string // of most of its attempts, such as "bad-password"; "": not known
	Service  string // such as "pjsip"; "": not known
	Evidence string
	Strike   int
	Attempts int   // records that counted
	Score    int64 // thousandths of a point
	Since    time.Time
	Until    time.Time // when it ends or ended; zero: without end
	By       string    // "log", or who did it by hand
	Ended    string    // who or what ended it early; ""
	Accounts []string  // that were tried; any bytes of strangers
	Numbers  []string  // that were dialled; any bytes of strangers
}

// mostTried bounds the accounts, and the numbers, of one entry; maxTried the bytes of each.
const (
	mostTried = 20
	maxTried  = 64
)

// nowhere is in place of the address of an entry that is about none: no host has it.
var nowhere = netip.PrefixFrom(netip.IPv4Unspecified(), 32)

// Lengths of shortened addresses: a site, and no single line.
const (
	short4 = 24
	short6 = 48
)

const (
	forever = math.MaxInt64 // the until of a ban without end
	hour    = int64(time.Hour)
)

const (
	getEntry = `SELECT id FROM entries WHERE addr = ? AND at = ? AND bits = ? AND jail = ?`
	putEntry = `INSERT INTO entries (at, until, addr, bits, short, what, jail, country, asn, kind, service, evidence, strike, attempts, score, who, ended)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	// A later copy of a ban may have no lines any more: what they said stays.
	setEntry = `UPDATE entries SET until = ?2, strike = ?3, evidence = ?4, who = ?5, ended = ?6, what = ?7,
		attempts = max(attempts, ?8), score = max(score, ?9), kind = iif(?10 = 0, kind, ?10), service = iif(?11 = 0, service, ?11) WHERE id = ?1`
	putTried  = `INSERT OR IGNORE INTO tried (entry, number, name) VALUES (?, ?, ?)`
	holdEntry = `INSERT OR IGNORE INTO held VALUES (?)`
	addHour   = `INSERT INTO hours VALUES (?, ?, ?, ?, ?, 1, ?)
		ON CONFLICT (hour, jail, country, kind, what) DO UPDATE SET entries = entries + 1, attempts = attempts + excluded.attempts`
)

// Add writes entries, all or none. An entry of the same prefix, jail and Since is replaced.
func (a *Archive) Add(entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	a.writing.Lock()
	defer a.writing.Unlock()
	err := a.write("write to", func(tx *sql.Tx) error {
		w := adder{a: a, tx: tx}
		for text, stmt := range map[string]**sql.Stmt{getEntry: &w.get, putEntry: &w.put, setEntry: &w.set, putTried: &w.tried, addHour: &w.hour} {
			var err error
			if *stmt, err = tx.Prepare(text); err != nil {
				return err
			}
		}
		for i := range entries {
			if err := w.add(&entries[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		_ = a.known.forget(a.db) // the next write fails, too, and says why
	}
	return err
}

// adder holds the statements of one Add.
type adder struct {
	a                          *Archive
	tx                         *sql.Tx
	get, put, set, tried, hour *sql.Stmt
}

// ids are the numbers of the words of an entry.
type ids struct{ what, jail, country, kind, service, evidence, who, ended int64 }

func (w *adder) ids(e *Entry) (n ids, err error) {
	for id, word := range map[*int64]string{&n.what: e.What, &n.jail: e.Jail, &n.country: e.Country, &n.kind: e.Kind, &n.service: e.Service,
		&n.evidence: e.Evidence, &n.who: e.By, &n.ended: e.Ended} {
		if *id, err = w.a.known.put(w.tx, word); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (w *adder) add(e *Entry) error {
	at, until := e.Since.UnixNano(), int64(forever)
	if !e.Until.IsZero() {
		until = e.Until.UnixNano()
	}
	n, err := w.ids(e)
	if err != nil {
		return err
	}
	p := nowhere
	if e.Prefix.IsValid() {
		p = prefix.Unmap(e.Prefix)
	}
	var id int64
	err = w.get.QueryRow(p.Addr().AsSlice(), at, p.Bits(), n.jail).Scan(&id)
	switch {
	case err == nil:
		_, err = w.set.Exec(id, until, e.Strike, n.evidence, n.who, n.ended, n.what, e.Attempts, e.Score, n.kind, n.service)
	case err == sql.ErrNoRows:
		if id, err = w.insert(e, p, at, until, n); err == nil {
			_, err = w.hour.Exec(at/hour, n.jail, n.country, n.kind, n.what, e.Attempts)
		}
		if err == nil && at < w.a.shortened {
			_, err = w.tx.Exec(holdEntry, id)
		}
	}
	if err != nil {
		return err
	}
	return w.names(e, id, at)
}

func (w *adder) insert(e *Entry, p netip.Prefix, at, until int64, n ids) (int64, error) {
	result, err := w.put.Exec(at, until, p.Addr().AsSlice(), p.Bits(), false, n.what, n.jail, n.country, e.ASN, n.kind, n.service, n.evidence,
		e.Strike, e.Attempts, e.Score, n.who, n.ended)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// names writes what was tried.
func (w *adder) names(e *Entry, id, at int64) error {
	for number, list := range [][]string{e.Accounts, e.Numbers} {
		if number == 1 && at < w.a.dropped {
			continue
		}
		for _, name := range list[:min(len(list), mostTried)] {
			if name == "" {
				continue
			}
			if _, err := w.tried.Exec(id, number, []byte(name[:min(len(name), maxTried)])); err != nil {
				return err
			}
		}
	}
	return nil
}

// shortened is the network of a prefix, and whether it is another one.
func shortened(p netip.Prefix) (netip.Prefix, bool) {
	bits := short4
	if p.Addr().Is6() {
		bits = short6
	}
	if p.Bits() <= bits {
		return p, false
	}
	short, err := p.Addr().Prefix(bits)
	return short, err == nil
}

// last is the last address of a prefix.
func last(p netip.Prefix) netip.Addr {
	b := slices.Clone(p.Addr().AsSlice())
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	addr, _ := netip.AddrFromSlice(b)
	return addr
}
