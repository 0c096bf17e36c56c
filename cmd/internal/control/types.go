package control

import (
	"net/netip"
	"time"
)

// BanRequest is a ban by hand. The daemon gets its prefix masked and unmapped.
type BanRequest struct {
	Prefix     netip.Prefix `json:"prefix"`
	Jail       string       `json:"jail"`        // whose bantime and history it takes; "" is none
	ForSeconds *int64       `json:"for_seconds"` // null: the jail's bantime; 0: for ever
	Force      bool         `json:"force"`       // although the prefix is wide or protected
	Ports      string       `json:"ports"`       // what it closes: sip,iax,ami,http or ranges, with commas; "" and all: every port
}

// Ban is a live or a past ban.
type Ban struct {
	Prefix      netip.Prefix `json:"prefix"`
	Jail        string       `json:"jail"`
	Country     string       `json:"country"` // ISO 3166 code, or "" when nobody knows
	Since       time.Time    `json:"since"`
	Until       *time.Time   `json:"until"`        // null: for ever
	LeftSeconds int64        `json:"left_seconds"` // 0 when for ever or over
	Strike      int          `json:"strike"`       // 1 is the first ban of this prefix
	Evidence    string       `json:"evidence"`
	By          string       `json:"by"`
	Reason      string       `json:"reason"`
	Packets     uint64       `json:"packets"` // dropped since it is in the kernel
	Bytes       uint64       `json:"bytes"`
	Pending     bool         `json:"pending"`  // decided, but not in the kernel yet
	Ports       string       `json:"ports"`    // what it closes: all, or services and lists of ranges
	Observed    bool         `json:"observed"` // decided while nothing was dropped: what would be, never enforced
}

// Status is the state of the daemon on one screen.
type Status struct {
	Version   string    `json:"version"`
	Pid       int       `json:"pid"`
	Since     time.Time `json:"since"`
	Enforcer  string    `json:"enforcer"`
	Beside    []string  `json:"beside"`        // other firewalls of this host
	Enforcing bool      `json:"enforcing"`     // false: nothing is dropped, and Problems or Enforcer say why
	Off       *Off      `json:"off,omitempty"` // not there: it is on
	Bans      int       `json:"bans"`          // live ones
	Countries []Country `json:"countries"`     // of the live bans, most first
	Problems  []Problem `json:"problems"`
	Alarms    []Alarm   `json:"alarms"` // that nobody has seen yet, oldest first
	Files     []File    `json:"files"`
	Jails     []Jail    `json:"jails"`
	GeoIP     GeoIP     `json:"geoip"`
	Wire      Wire      `json:"wire"`
	Counters  Counters  `json:"counters"`
}

// Country is how many live bans a country has.
type Country struct {
	Code string `json:"code"` // ISO 3166; "" where nobody knows
	Bans int    `json:"bans"`
}

// Problem is something the operator should know, and what to do about it.
type Problem struct {
	About string `json:"about,omitempty"` // "log PATH", or a level that is not written; "" is the daemon
	What  string `json:"what"`
	Hint  string `json:"hint"`
}

// File is a log that is followed, or waited for.
type File struct {
	Path     string     `json:"path"`
	Offset   int64      `json:"offset"`
	Size     int64      `json:"size"`
	LastLine *time.Time `json:"last_line"` // when its last line arrived; null: none yet
	Lines    uint64     `json:"lines"`
	Problem  string     `json:"problem"` // "" is none, NotThere a log that is waited for

	Records    uint64     `json:"records"`      // lines that begin a record of Asterisk's
	Matched    uint64     `json:"matched"`      // events
	Doubtful   uint64     `json:"doubtful"`     // those of them that charge nobody
	Unread     uint64     `json:"unread_lines"` // lines since the last record
	LastRecord *time.Time `json:"last_record"`  // when it was read; null: none yet
	Finding    string     `json:"finding"`      // "" or what is wrong with it: not understood, silent, missing; Problems say why
}

// NotThere is the Problem of a log that does not exist.
const NotThere = "not there yet"

// Jail is a jail as it runs. Its times are seconds.
type Jail struct {
	Name     string   `json:"name"`
	File     string   `json:"file"` // "" when it is built in
	Enabled  bool     `json:"enabled"`
	Observe  bool     `json:"observe"` // decides, but does not ban
	Logs     []string `json:"logs"`
	Tracked  int      `json:"tracked"` // addresses with a score
	Banned   int      `json:"banned"`
	Events   uint64   `json:"events"`
	Maxretry float64  `json:"maxretry"`
	Findtime int64    `json:"findtime"`
	Bantime  int64    `json:"bantime"` // 0: for ever
	Problem  string   `json:"problem"` // "" is none
}

// Counters count since the daemon's start.
type Counters struct {
	Lines     uint64 `json:"lines"`
	Matched   uint64 `json:"matched"`
	Ambiguous uint64 `json:"ambiguous"`
	Suspects  uint64 `json:"suspects"` // ambiguous records that a caller has written, as it seems
	Signals   uint64 `json:"signals"`
	Bans      uint64 `json:"bans"`
	Unbans    uint64 `json:"unbans"`
	Evicted   uint64 `json:"evicted"`
	Displaced uint64 `json:"displaced"` // bans that made room for others in a full book
	Repairs   uint64 `json:"repairs"`   // times others had removed our rules or sets
	PutBack   uint64 `json:"put_back"`  // bans that the kernel had lost
	Adopted   uint64 `json:"adopted"`   // members of the kernel that the ledger did not know
	Expelled  uint64 `json:"expelled"`  // members whose ban was over
}

// UnbanRequest lifts the bans of a prefix and of all that is in it, or all bans.
type UnbanRequest struct {
	Prefix netip.Prefix `json:"prefix,omitzero"`
	All    bool         `json:"all,omitempty"`
	// GraceSeconds is how long accounts that logged in there lead to no ban again; null:
	// 10 minutes.
	GraceSeconds *int64 `json:"grace_seconds,omitempty"`
}

// UnbanAnswer says how many bans there were, and what still drops packets of the prefix.
type UnbanAnswer struct {
	Lifted   int            `json:"lifted"`
	Prefixes []netip.Prefix `json:"prefixes"` // of the bans, at most 100
	Covered  []Cover        `json:"covered"`
}

// VersionAnswer is the release of the daemon.
type VersionAnswer struct {
	Version string `json:"version"`
}

// Reloaded is what a reload did.
type Reloaded struct {
	Waiting []string `json:"waiting"` // keys of the main file that differ, and take effect at the next start
}

// Moment is t for a field that may be null: in UTC, nil for the zero time.
func Moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}
