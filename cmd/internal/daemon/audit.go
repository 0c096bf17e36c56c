package daemon

import (
	"os/user"
	"strconv"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/host"
	"pbxjail/jails/store"
)

// audit keeps who gave a command, and from where. The caller still waits, so its process is
// there.
func (d *Daemon) audit(c control.Command) {
	e := store.Entry{At: time.Now(), Verb: c.Verb, What: c.What, UID: c.UID, User: c.User, PID: c.PID}
	s := host.SessionOf("/proc", host.Sessions, c.PID)
	if s.Login >= 0 && s.Login != c.UID {
		e.Login = userName(s.Login)
	}
	switch {
	case s.Remote.IsValid():
		e.SSH = s.Remote
	case c.Says.IsValid():
		e.SSH, e.Claimed = c.Says, true
	}
	if c.Err != nil {
		e.Refused = c.Err.Error()
	}
	d.note(e)
}

// noteOf keeps a command that no user gave over the socket.
func (d *Daemon) noteOf(by, verb string) {
	d.note(store.Entry{At: time.Now(), Verb: verb, UID: store.NoUser, User: by})
}

// note keeps a command. A ledger that cannot be written shows as a problem anyway.
func (d *Daemon) note(e store.Entry) {
	if err := d.store.Note(e); err != nil {
		d.log.Warn("the command of an admin was done, but is not in the audit log, because the database could not be written", "command", e.Verb, "err", err, "hint", todo(err, moreHint))
	}
}

// userName is the name of a user, or the number of one who has none.
func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "uid " + strconv.Itoa(uid)
}

// AuditLog lists commands, the newest first.
func (b *backend) AuditLog(q control.AuditRequest, _ string) (list []control.AuditEntry, err error) {
	since := time.Time{}
	if q.Since > 0 {
		since = time.Now().Add(-q.Since)
	}
	entries, err := b.store.Audit(since, control.MostAudit)
	for _, e := range entries {
		if a := auditOf(e); len(list) < q.N && q.Fits(&a) {
			list = append(list, a)
		}
	}
	return list, err
}

// auditOf is an entry in the API's words.
func auditOf(e store.Entry) control.AuditEntry {
	a := control.AuditEntry{At: e.At, Verb: e.Verb, What: e.What, User: e.User, Login: e.Login, PID: e.PID, SSH: e.SSH, Refused: e.Refused}
	if e.UID != store.NoUser {
		a.UID = new(e.UID)
	}
	switch {
	case e.SSH.IsValid() && e.Claimed:
		a.SSHFrom = "caller"
	case e.SSH.IsValid():
		a.SSHFrom = "session"
	}
	return a
}
