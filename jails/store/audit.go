package store

import (
	"database/sql"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Entry is a command that someone gave: it changed something, or it was refused.
type Entry struct {
	At      time.Time
	Verb    string     // such as "unban"
	What    string     // what it was about, such as "203.0.113.9/32"; may be ""
	UID     int        // who called, as the kernel says (SO_PEERCRED, unix(7)); NoUser: no user did
	User    string     // the name of UID at that time; without UID, what gave the command: "signal"
	Login   string     // the user who logged in to the session of the caller, where sudo or su was used; "": the same, or not known
	PID     int        // of the caller; 0: not known
	SSH     netip.Addr // from where the session came; zero: not over SSH, or not known
	Claimed bool       // SSH is what the caller itself says, and may be wrong; else the system has it in its sessions
	Refused string     // why it was refused; "": it was done
}

// NoUser is the UID of an entry that no user caused.
const NoUser = -1

const (
	putAudit = `INSERT INTO audit (at, who, what, verb, uid, user, login, pid, ssh, claimed, refused) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	// An old ledger has all of an entry in who and what.
	getAudit = `SELECT at, who, what, coalesce(verb, ''), coalesce(uid, -1), coalesce(user, ''), coalesce(login, ''), coalesce(pid, 0),
		coalesce(ssh, ''), coalesce(claimed, 0), coalesce(refused, '') FROM audit WHERE at >= ? ORDER BY id DESC LIMIT ?`
)

// Note saves a command.
func (s *Store) Note(e Entry) error {
	return s.write("write commands of admins to", func(tx *sql.Tx) error {
		ssh := ""
		if e.SSH.IsValid() {
			ssh = e.SSH.String()
		}
		result, err := tx.Exec(putAudit, nanos(e.At), "", cut(e.What, maxReason), cut(e.Verb, maxName), e.UID, cut(e.User, maxName),
			cut(e.Login, maxName), e.PID, ssh, e.Claimed, cut(e.Refused, maxReason))
		if err != nil {
			return err
		}
		newest, err := result.LastInsertId()
		if err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM audit WHERE id <= ?`, newest-s.limits.audit)
		return err
	})
}

// Audit returns the commands since a time, newest first, at most limit.
func (s *Store) Audit(since time.Time, limit int) (entries []Entry, err error) {
	err = s.query("read commands of admins from", func(row *sql.Rows) error {
		var e Entry
		var at int64
		var who, ssh string
		if err := row.Scan(&at, &who, &e.What, &e.Verb, &e.UID, &e.User, &e.Login, &e.PID, &ssh, &e.Claimed, &e.Refused); err != nil {
			return err
		}
		e.At = timeOf(at)
		e.SSH, _ = netip.ParseAddr(ssh)
		if e.Verb == "" {
			e.Verb, e.What, _ = strings.Cut(e.What, " ")
			e.UID, e.User = oldCaller(who)
		}
		entries = append(entries, e)
		return nil
	}, getAudit, nanos(since), limit)
	return entries, err
}

// oldCaller reads who of an old ledger: "uid 0 (root)", "uid 1000", or what gave the command.
func oldCaller(who string) (uid int, user string) {
	number, name, _ := strings.Cut(strings.TrimPrefix(who, "uid "), " ")
	uid, err := strconv.Atoi(number)
	if err != nil {
		return NoUser, who
	}
	return uid, strings.Trim(name, "()")
}
