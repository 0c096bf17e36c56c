package store

import (
	"database/sql"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"pbxjail/jails/customer"
)

// Erased counts what an erasure removed, or cleared of what was meant.
type Erased struct {
	Bans    int // that are over
	Lines   int // of logs
	LogIns  int
	Alarms  int
	Moments int // unbans, reports, admins
	Audit   int // entries in which it is replaced
	// Countries that the account has called.
	Countries int
	// Running bans stay, without their lines and sums.
	Running []netip.Prefix
	// Allowed entries stay: they are settings of an admin.
	Allowed []string
}

// Erase removes what is known of an address or an account, in one transaction. Bans that run
// at now stay in force. Scrub then removes it from free pages, too.
func (s *Store) Erase(t Target, now time.Time) (e Erased, err error) {
	err = s.write("erase from", func(tx *sql.Tx) error {
		for _, part := range []func(*sql.Tx, *Target, *Erased, time.Time) error{eraseBans, eraseLines, eraseHomes, eraseMoments, eraseAudit, eraseUnfiled, eraseCalls, keptAllowed} {
			if err := part(tx, &t, &e, now); err != nil {
				return err
			}
		}
		return nil
	})
	return e, err
}

// each shows plan each row of an answer, and then does what it returned; nil: nothing is to
// be done for the row. Only that is in memory: an attacker chooses how many rows there are.
func each(tx *sql.Tx, columns int, plan func(row []any) func() error, text string, args ...any) error {
	rows, err := tx.Query(text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var list []func() error
	for rows.Next() {
		row, to := make([]any, columns), make([]any, columns)
		for i := range row {
			to[i] = &row[i]
		}
		if err := rows.Scan(to...); err != nil {
			return err
		}
		if do := plan(row); do != nil {
			list = append(list, do)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, do := range list {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return ""
}

// run does a statement.
func run(tx *sql.Tx, text string, args ...any) error {
	_, err := tx.Exec(text, args...)
	return err
}

func eraseBans(tx *sql.Tx, t *Target, e *Erased, now time.Time) error {
	if !t.Prefix.IsValid() {
		return nil
	}
	return each(tx, 4, func(row []any) func() error {
		p, err := netip.ParsePrefix(textOf(row[1]))
		if err != nil || !t.holds(p) {
			return nil
		}
		return func() error { return eraseBan(tx, e, p, row[0], row[2].(int64) > nanos(now) && row[3] == nil) }
	}, "SELECT id, prefix, until, ended_by FROM bans")
}

// eraseBan removes a ban with its lines. One that runs stays, without its sum.
func eraseBan(tx *sql.Tx, e *Erased, p netip.Prefix, id any, runs bool) error {
	result, err := tx.Exec("DELETE FROM lines WHERE ban = ?", id)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if e.Lines += int(n); err != nil {
		return err
	}
	if runs {
		e.Running = append(e.Running, p)
		_, err = tx.Exec("UPDATE bans SET sum = NULL WHERE id = ?", id)
	} else {
		e.Bans++
		_, err = tx.Exec("DELETE FROM bans WHERE id = ?", id)
	}
	if err == nil {
		_, err = tx.Exec("DELETE FROM unfiled WHERE ban = ?", id)
	}
	return err
}

// eraseLines removes lines of other bans that name what is meant.
func eraseLines(tx *sql.Tx, t *Target, e *Erased, _ time.Time) error {
	rows, err := tx.Query("SELECT ban, n, text, account, number, factors FROM lines")
	if err != nil {
		return err
	}
	defer rows.Close()
	var list [][2]int64
	for rows.Next() {
		var ban, n int64
		var text, account, number, factors sql.RawBytes
		if err := rows.Scan(&ban, &n, &text, &account, &number, &factors); err != nil {
			return err
		}
		if t.mentioned(text) || t.named(account) || t.named(number) || t.mentioned(factors) {
			list = append(list, [2]int64{ban, n})
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, line := range list {
		if _, err := tx.Exec("DELETE FROM lines WHERE ban = ? AND n = ?", line[0], line[1]); err != nil {
			return err
		}
	}
	e.Lines += len(list)
	return each(tx, 2, func(row []any) func() error {
		if !t.mentioned([]byte(textOf(row[1]))) {
			return nil
		}
		return func() error { return run(tx, "UPDATE bans SET sum = NULL WHERE id = ?", row[0]) }
	}, "SELECT id, sum FROM bans WHERE sum IS NOT NULL")
}

// eraseHomes removes log-ins and alarms. Log-ins of IPv6 are kept by the /64 of a customer.
func eraseHomes(tx *sql.Tx, t *Target, e *Erased, _ time.Time) error {
	is := func(text string) bool {
		a, err := netip.ParseAddr(text)
		return err == nil && (t.is(a) || t.Prefix.IsValid() && t.Prefix.IsSingleIP() && customer.Home(t.Prefix.Addr()) == a)
	}
	err := each(tx, 4, func(row []any) func() error {
		if !is(textOf(row[0])) && !is(textOf(row[3])) && !t.named([]byte(textOf(row[1]))) {
			return nil
		}
		e.LogIns++
		return func() error {
			return run(tx, "DELETE FROM homes WHERE addr = ? AND account = ? AND service = ?", row[:3]...)
		}
	}, "SELECT addr, account, service, latest FROM homes")
	if err != nil {
		return err
	}
	return each(tx, 3, func(row []any) func() error {
		if !is(textOf(row[0])) && !t.named([]byte(textOf(row[1]))) {
			return nil
		}
		e.Alarms++
		return func() error { return run(tx, dropAlarm, row...) }
	}, "SELECT addr, account, service FROM alarms")
}

func eraseMoments(tx *sql.Tx, t *Target, e *Erased, _ time.Time) error {
	return each(tx, 3, func(row []any) func() error {
		p, err := netip.ParsePrefix(textOf(row[1]))
		if (err != nil || !t.holds(p)) && !t.mentioned([]byte(textOf(row[2]))) {
			return nil
		}
		e.Moments++
		return func() error { return run(tx, "DELETE FROM moments WHERE kind = ? AND prefix = ?", row[:2]...) }
	}, "SELECT kind, prefix, why FROM moments")
}

// eraseAudit leaves who did what, and takes the address or the account out of it.
func eraseAudit(tx *sql.Tx, t *Target, e *Erased, _ time.Time) error {
	return each(tx, 4, func(row []any) func() error {
		what, ssh, refused := textOf(row[1]), textOf(row[2]), textOf(row[3])
		cleaned := [3]string{t.without(what), t.without(ssh), t.without(refused)}
		if cleaned == [3]string{what, ssh, refused} {
			return nil
		}
		if cleaned[1] != ssh {
			cleaned[1] = ""
		}
		e.Audit++
		return func() error {
			return run(tx, "UPDATE audit SET what = ?, ssh = ?, refused = ? WHERE id = ?", cleaned[0], cleaned[1], cleaned[2], row[0])
		}
	}, "SELECT id, what, ssh, refused FROM audit")
}

// eraseUnfiled removes alarms that the history does not have yet.
func eraseUnfiled(tx *sql.Tx, t *Target, _ *Erased, _ time.Time) error {
	return each(tx, 3, func(row []any) func() error {
		a, _ := netip.ParseAddr(textOf(row[1]))
		if !t.is(a) && !t.named([]byte(textOf(row[2]))) {
			return nil
		}
		return func() error { return run(tx, "DELETE FROM unfiled WHERE n = ?", row[0]) }
	}, "SELECT n, addr, account FROM unfiled WHERE addr IS NOT NULL")
}

func keptAllowed(tx *sql.Tx, t *Target, e *Erased, _ time.Time) error {
	return each(tx, 2, func(row []any) func() error {
		if what := textOf(row[0]); t.mentioned([]byte(what)) || t.mentioned([]byte(textOf(row[1]))) {
			e.Allowed = append(e.Allowed, what)
		}
		return nil
	}, "SELECT what, note FROM allowed")
}

// Scrub writes the whole file again, so that nothing that was deleted is left in it, also of
// a time when deleted pages were not overwritten yet. It takes a second for 60 MB, and needs
// twice the space meanwhile.
func (s *Store) Scrub() error {
	if _, err := s.handle().Exec("VACUUM"); err != nil {
		return s.explain("write again", err)
	}
	_, err := s.handle().Exec("PRAGMA wal_checkpoint(TRUNCATE)")
	return s.explain("write again", err)
}

// Copies are old files of the ledger beside it, which an erasure does not change.
func (s *Store) Copies() (list []string) {
	all, _ := filepath.Glob(s.path + ".damaged-*")
	for _, name := range all {
		if !strings.HasSuffix(name, "-wal") && !strings.HasSuffix(name, "-shm") {
			list = append(list, name)
		}
	}
	return list
}
