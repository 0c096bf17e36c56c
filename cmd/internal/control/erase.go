package control

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// EraseRequest deletes what is known of an address, of the addresses in a network, or of an
// account. Exactly one of Prefix and Account is set.
type EraseRequest struct {
	Prefix  netip.Prefix `json:"prefix,omitzero"`
	Account string       `json:"account,omitempty"`
	Unban   bool         `json:"unban,omitempty"` // end its bans first; false: a ban that runs stays in force
}

func (r *EraseRequest) check() (err error) {
	if r.Prefix.IsValid() == (r.Account != "") {
		return Refuse(http.StatusBadRequest, `send {"prefix": "203.0.113.7/32"} or {"account": "201"}`, "erase: needs either one prefix or one account")
	}
	if r.Account != "" && r.Unban {
		return Refuse(http.StatusBadRequest, "--unban works only with an address: jailctl erase ADDR --unban", "erase: an account has no ban that --unban could end")
	}
	if r.Prefix.IsValid() {
		if r.Prefix, err = Canonical(r.Prefix); err != nil {
			return Refuse(http.StatusBadRequest, "give an address or a network", "erase: %w", err)
		}
		return tooWide(r.Prefix, false)
	}
	return nil
}

// EraseAnswer says what was deleted. Receipt and the numbers are in the audit log, and no
// name of what was erased.
type EraseAnswer struct {
	Receipt   string         `json:"receipt"` // a random number
	Bans      int            `json:"bans"`    // of the ledger, that are over
	Lines     int            `json:"lines"`
	LogIns    int            `json:"log_ins"`
	Alarms    int            `json:"alarms"`
	Moments   int            `json:"moments"`   // unbans, reports of old passwords, admins
	Audit     int            `json:"audit"`     // entries in which it is replaced
	Countries int            `json:"countries"` // that the account has called
	History   int64          `json:"history"`   // entries, or names that were tried
	Messages  int            `json:"messages"`  // events that waited to be sent to admins
	Running   []netip.Prefix `json:"running"`   // bans that stay in force, with prefix, jail and time alone
	Allowed   []string       `json:"allowed"`   // settings of jailctl allow, which stay
	Copies    []string       `json:"copies"`    // old files of the ledger, which are not changed
}

func (a *EraseAnswer) receipt() string {
	return fmt.Sprintf("receipt %s: %d bans, %d lines, %d log-ins, %d alarms, %d moments, %d audit entries, %d called countries, %d of the history, %d of messages that wait; %d bans stay in force",
		a.Receipt, a.Bans, a.Lines, a.LogIns, a.Alarms, a.Moments, a.Audit, a.Countries, a.History, a.Messages, len(a.Running))
}

// erasePatience is how long a client waits: a large history may be written again.
const erasePatience = 10 * time.Minute

// Erase deletes what is known of an address or an account.
func (c *Client) Erase(ctx context.Context, q EraseRequest) (EraseAnswer, error) {
	patient := &Client{SSH: c.SSH, path: c.path, Notice: c.Notice, http: http.Client{Transport: c.http.Transport, Timeout: erasePatience}}
	return Ask(ctx, patient, CallErase, q)
}

// ExportRequest asks for all that is stored of an address, or of an account.
type ExportRequest struct {
	Addr    netip.Addr
	Account string // "": it is about Addr
}

func (r *ExportRequest) values() url.Values {
	if r.Account != "" {
		return url.Values{"account": {r.Account}}
	}
	return url.Values{"addr": {r.Addr.String()}}
}

func (r *ExportRequest) read(v url.Values) error {
	if r.Account = v.Get("account"); r.Account != "" {
		return nil
	}
	var why WhyRequest
	err := why.read(v)
	r.Addr = why.Addr
	return err
}

// Export is all that is stored of an address or of an account, on the disk and in memory.
type Export struct {
	Addr    netip.Addr     `json:"addr"`              // "": it is about an account
	Account string         `json:"account,omitempty"` // quoted
	At      time.Time      `json:"at"`
	Now     Why            `json:"now"`             // of an address: what is in memory, and the last bans of the ledger
	Bans    []ExportBan    `json:"bans"`            // of the ledger, newest first: of the address, and of networks that have it
	Lines   []WhyLine      `json:"lines"`           // of bans of other addresses, that name it
	History []HistoryEntry `json:"history"`         // newest first
	LogIns  []LogIn        `json:"log_ins"`         // accounts that log in from there; of an account: from where
	Calls   *ExportCalls   `json:"calls,omitempty"` // of an account
	Moments []Happened     `json:"moments"`         // unbans, reports, admins
	Allowed []Allowed      `json:"allowed"`         // settings of jailctl allow
	Audit   []AuditEntry   `json:"audit"`           // commands that name it, or came from there
	Also    []string       `json:"also"`            // where else it may be, for people
}

// ExportCalls is what is stored of the calls of an account.
type ExportCalls struct {
	Countries []ExportCountry `json:"countries"`
	Now       *CallAccount    `json:"now,omitempty"` // counts of a day, and the case at a critical limit
	Counted   *time.Time      `json:"counted"`       // when these counts were written into the database last; null: they are not there
}

// ExportCountry is a country that an account has called.
type ExportCountry struct {
	Country string    `json:"country"` // ISO 3166
	Last    time.Time `json:"last"`    // the day of the last call, as the time of its first call
}

// ExportBan is a ban with its lines.
type ExportBan struct {
	Ban
	Lines []WhyLine `json:"lines"`
}

// LogIn is an account that logged in from an address.
type LogIn struct {
	Account string     `json:"account"` // quoted
	Addr    netip.Addr `json:"addr"`    // of IPv6 the first of its /64
	Latest  netip.Addr `json:"latest"`  // of the last log-in
	Service string     `json:"service"`
	First   time.Time  `json:"first"`
	Last    time.Time  `json:"last"`
	Times   uint32     `json:"times"`
}

// Happened is something that happened once to an address.
type Happened struct {
	What   string       `json:"what"`
	Prefix netip.Prefix `json:"prefix"`
	At     time.Time    `json:"at"`
	Until  time.Time    `json:"until"`
	Why    string       `json:"why"`
}
