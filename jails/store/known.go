package store

import (
	"database/sql"
	"time"

	"pbxjail/jails/book"
	"pbxjail/jails/home"
)

// Known is what the ledger has of an address beside its own bans.
type Known struct {
	LogIns  []home.Home
	Moments []book.Moment
	Lines   []book.Line // of bans of others, that name it; of each no more than what was kept
	Audit   []Entry     // that name it, or came from there
}

const everything = 1 << 30

// Known returns what the ledger has of an address or an account.
func (s *Store) Known(t Target) (k Known, err error) {
	homes, _, err := s.Homes(everything)
	if err != nil {
		return k, err
	}
	for _, h := range homes {
		if t.is(h.Addr) || t.is(h.Latest) || t.named([]byte(h.Account)) {
			k.LogIns = append(k.LogIns, h)
		}
	}
	moments, err := s.Moments(time.Unix(0, 0))
	if err != nil {
		return k, err
	}
	for _, m := range moments {
		if t.holds(m.Prefix) || t.mentioned([]byte(m.Why)) {
			k.Moments = append(k.Moments, m)
		}
	}
	entries, err := s.Audit(time.Time{}, everything)
	if err != nil {
		return k, err
	}
	for _, e := range entries {
		if t.is(e.SSH) || t.mentioned([]byte(e.What)) || t.mentioned([]byte(e.Refused)) {
			k.Audit = append(k.Audit, e)
		}
	}
	k.Lines, err = s.mentions(&t)
	return k, err
}

// mentions are the lines of bans of others that name what is meant.
func (s *Store) mentions(t *Target) (list []book.Line, err error) {
	own := ""
	if t.Prefix.IsValid() {
		if own, err = canonical(t.Prefix); err != nil {
			return nil, err
		}
	}
	var bans []int64
	err = s.query("read records of", func(row *sql.Rows) error {
		var ban int64
		var text, account sql.RawBytes
		if err := row.Scan(&ban, &text, &account); err != nil {
			return err
		}
		if (t.mentioned(text) || t.named(account)) && (len(bans) == 0 || bans[len(bans)-1] != ban) {
			bans = append(bans, ban)
		}
		return nil
	}, `SELECT ban, text, account FROM lines JOIN bans ON bans.id = ban WHERE prefix <> ? ORDER BY ban, n`, own)
	for i := 0; i < len(bans) && err == nil; i++ {
		var lines []book.Line
		lines, err = s.lines(bans[i])
		for _, l := range lines {
			if t.mentioned(l.Text.Raw()) || t.named(l.Account.Raw()) {
				list = append(list, l)
			}
		}
	}
	return list, err
}
