package control

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Command is a call that changes something, after it was answered.
type Command struct {
	Verb string     // such as "unban"
	What string     // what it is about, such as "203.0.113.9/32 for 1h"; may be ""
	UID  int        // of the caller, from the kernel
	User string     // its name; "" when it has none
	PID  int        // of the caller, from the kernel
	Says netip.Addr // from where the caller says that it logged in over SSH; zero: it says nothing
	Err  error      // why it was refused; nil: it was done
}

// detailed is a question that says more than its subject, for the audit.
type detailed interface{ detail() string }

// receipted is an answer that has the words for the audit, where the question must not be in
// it.
type receipted interface{ receipt() string }

// audit hands a command over.
func (s *Server) audit(r *http.Request, q, a any, who peer, err error) {
	if s.opts.Audit == nil {
		return
	}
	c := Command{Verb: strings.TrimPrefix(r.URL.Path, "/v"+Major+"/"), What: subjectOf(q), UID: who.uid, User: who.name(), PID: who.pid, Err: err}
	if d, ok := q.(detailed); ok {
		c.What += d.detail()
	}
	if done, ok := a.(receipted); ok && err == nil {
		c.What = done.receipt()
	}
	if from, err := netip.ParseAddr(r.Header.Get(sshHeader)); err == nil {
		c.Says = from.Unmap().WithZone("")
	}
	s.opts.Audit(c)
}

// AuditEntry is a command in the audit log.
type AuditEntry struct {
	At      time.Time  `json:"at"`
	Verb    string     `json:"verb"`
	What    string     `json:"what"`
	UID     *int       `json:"uid"`          // of the caller, as the kernel says; null: no user gave it
	User    string     `json:"user"`         // the name of uid at that time, or what gave the command: signal, the clock
	Login   string     `json:"login"`        // who logged in to that session, where it is another user; ""
	PID     int        `json:"pid"`          // 0: not known
	SSH     netip.Addr `json:"ssh,omitzero"` // from where the session came; missing: not over SSH, or not known
	SSHFrom string     `json:"ssh_source"`   // session: the system has it; caller: the caller says so, which can be wrong; ""
	Refused string     `json:"refused"`      // why it was refused; "": it was done
}

// Who is the user and how that is known, for people.
func (e *AuditEntry) Who() string {
	who := e.User
	if e.UID != nil {
		if who == "" {
			who = "uid " + strconv.Itoa(*e.UID)
		} else {
			who += " (uid " + strconv.Itoa(*e.UID) + ")"
		}
	}
	if e.Login != "" {
		who += ", logged in as " + e.Login
	}
	return who
}

// AuditRequest selects commands, the newest first.
type AuditRequest struct {
	Since time.Duration // within this time; 0: at any time
	User  string        // by this user, its uid, or the user who logged in; "": by any
	Verb  string        // "": any
	N     int           // at most, 1 to MostAudit; 0: 50
}

// MostAudit is how many commands one answer can have; the ledger keeps no more.
const MostAudit = 10_000

const auditShown = 50

// Fits reports whether the request selects an entry, apart from its time.
func (q *AuditRequest) Fits(e *AuditEntry) bool {
	if q.Verb != "" && q.Verb != e.Verb {
		return false
	}
	return q.User == "" || q.User == e.User || q.User == e.Login || e.UID != nil && q.User == strconv.Itoa(*e.UID)
}

func (q *AuditRequest) values() url.Values {
	v := url.Values{}
	if q.Since > 0 {
		v.Set("since", q.Since.String())
	}
	if q.User != "" {
		v.Set("user", q.User)
	}
	if q.Verb != "" {
		v.Set("verb", q.Verb)
	}
	if q.N > 0 {
		v.Set("n", strconv.Itoa(q.N))
	}
	return v
}

func (q *AuditRequest) read(v url.Values) (err error) {
	*q = AuditRequest{User: v.Get("user"), Verb: v.Get("verb"), N: auditShown}
	if text := v.Get("since"); text != "" {
		if q.Since, err = time.ParseDuration(text); err != nil || q.Since <= 0 {
			return Refuse(http.StatusBadRequest, sameRelease, "since %q is not a time", text)
		}
	}
	if text := v.Get("n"); text != "" {
		if q.N, err = strconv.Atoi(text); err != nil || q.N < 1 || q.N > MostAudit {
			return Refuse(http.StatusBadRequest, "ask for n=N, from 1 to "+strconv.Itoa(MostAudit), "the number of commands is not valid")
		}
	}
	return nil
}

// AuditLog returns commands, the newest first.
func (c *Client) AuditLog(ctx context.Context, q AuditRequest) ([]AuditEntry, error) {
	return Ask(ctx, c, CallAuditLog, q)
}
