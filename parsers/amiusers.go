package parsers

import "bytes"

// amiUsers tells user names of manager.conf, which hold no newline, from names that a
// caller invented. Asterisk authenticates under one lock: a user that does not exist makes
// record A1 and then A3, and no A3 of another user comes between them. So the name in an
// A3 is in manager.conf if there was no A1 since the A3 before it.
// asterisk:main/manager.c, authenticate
type amiUsers struct {
	made    bool   // there was an A1 since the latest A3 that provably began a record
	known   bool   // there was such an A3
	lossy   bool   // the log may lack records
	line    uint64 // of the latest A1 that provably began a record
	lwp     []byte // its thread
	account []byte // the name in it, as far as its line goes
}

// see looks at each line, wherever in it such a record begins. cut says that the end of
// the line is not there.
func (u *amiUsers) see(text []byte, cut bool) {
	if !u.made && (cut || contains(text, noSuchUser, rareInUser)) {
		u.made = true
	}
	if !u.lossy && contains(text, queueIsFull, rareInQueue) {
		u.lossy = true
	}
}

// exists reports whether the name in a record of manager.c can hold no newline: it is of
// manager.conf, or the A1 that showed it ended with its line.
func (u *amiUsers) exists(r *record, e *Event, begun bool, line uint64) bool {
	switch e.Rule {
	case ruleNoSuchUser:
		if begun && !e.Open {
			u.line = line
			u.lwp, u.account = append(u.lwp[:0], r.lwp...), append(u.account[:0], e.Account.Raw()...)
		}
	case ruleWrongLogin:
		ours := !u.made && !u.lossy && (u.known || line > farFromStart)
		same := begun && !u.lossy && u.line > 0 && line == u.line+1 && bytes.Equal(u.lwp, r.lwp) && bytes.Equal(u.account, e.Account.Raw())
		if begun {
			u.made, u.known = false, true
		}
		return ours || same
	}
	return false
}

// farFromStart is how many lines into a log the A1 of an A3 cannot be in the log before:
// the two are written in the same moment.
const farFromStart = 256

const (
	ruleNoSuchUser = "A1 ami unknown user"
	ruleWrongLogin = "A3 ami wrong password"
)

var (
	noSuchUser  = []byte(" tried to authenticate with nonexistent user '")
	queueIsFull = []byte("Log queue threshold (")

	rareInUser  = bytes.IndexByte(noSuchUser, 'w')
	rareInQueue = bytes.IndexByte(queueIsFull, 'q')
)
