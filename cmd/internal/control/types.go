package control

import (
	"net/netip"
	"time"

	"pbxjail/configs/show"
)

// BanRequest is a ban by hand. The server masks and unmaps its prefix.
type BanRequest struct {
	Prefix     netip.Prefix `json:"prefix"`
	Jail       string       `json:"jail"`        // its bantime and history apply; "" is none
	ForSeconds *int64       `json:"for_seconds"` // null: the jail's bantime; 0: forever
	Force      bool         `json:"force"`       // even if the prefix is wide or protected
	Ports      string       `json:"ports"`       // ports to close: sip,iax,ami,http or ranges, with commas; "" and all: every port
}

func (q *BanRequest) subject() string { return q.Prefix.String() }

func (q *BanRequest) detail() (text string) {
	switch n := q.ForSeconds; {
	case n != nil && *n == 0:
		text = " forever"
	case n != nil:
		text = " for " + show.Duration(time.Duration(*n)*time.Second)
	}
	if q.Jail != "" {
		text += " as of jail " + show.Escaped(q.Jail)
	}
	if q.Ports != "" {
		text += " ports " + show.Escaped(q.Ports)
	}
	if q.Force {
		text += " with force"
	}
	return text
}

// Ban is a live or a past ban.
type Ban struct {
	Prefix      netip.Prefix `json:"prefix"`
	Jail        string       `json:"jail"`
	Country     string       `json:"country"` // ISO 3166 code, or "" if not known
	Since       time.Time    `json:"since"`
	Until       *time.Time   `json:"until"`        // null: forever
	LeftSeconds int64        `json:"left_seconds"` // 0 if forever or over
	Strike      int          `json:"strike"`       // 1 is the first ban of this prefix
	Evidence    string       `json:"evidence"`
	By          string       `json:"by"`
	Reason      string       `json:"reason"`
	Packets     uint64       `json:"packets"` // dropped since the ban is in the kernel
	Bytes       uint64       `json:"bytes"`
	Pending     bool         `json:"pending"`  // decided, but not in the kernel yet
	Ports       string       `json:"ports"`    // ports it closes: all, or services and lists of ranges
	Observed    bool         `json:"observed"` // decided in observe mode: never enforced
}

// Status is a summary of the daemon's state.
type Status struct {
	Version   string    `json:"version"`
	Pid       int       `json:"pid"`
	Since     time.Time `json:"since"`
	Enforcer  string    `json:"enforcer"`
	Beside    []string  `json:"beside"`        // other firewalls of this host
	Enforcing bool      `json:"enforcing"`     // false: no packet is dropped; Problems or Enforcer say why
	Off       *Off      `json:"off,omitempty"` // missing: pbxjail is on
	Bans      int       `json:"bans"`          // live ones
	Countries []Country `json:"countries"`     // of the live bans, most first
	Problems  []Problem `json:"problems"`
	Alarms    []Alarm   `json:"alarms"` // not marked as seen, oldest first
	Files     []File    `json:"files"`
	Jails     []Jail    `json:"jails"`
	GeoIP     GeoIP     `json:"geoip"`
	Wire      Wire      `json:"wire"`
	AMI       AMI       `json:"ami"`
	Counters  Counters  `json:"counters"`
	Notify    []Channel `json:"notify"`          // ways that messages go to admins
	Calls     *CallsSum `json:"calls,omitempty"` // missing: calls are not watched

	Figures Figures `json:"figures"`

	MainFile     string   `json:"main_file"`             // the main file; "": the built-in defaults
	Asterisk     []string `json:"asterisk"`              // folders of Asterisk's configuration that are read
	ZoneOffset   *int     `json:"zone_offset,omitempty"` // seconds east of UTC, in which the daemon reads dates of logs; missing: not known
	MaxBans      int      `json:"max_bans"`              // how many live bans there can be
	MaxAddresses int      `json:"max_addresses"`         // how many addresses can have a score, in all jails together
}

// Country is a country and the number of its live bans.
type Country struct {
	Code string `json:"code"` // ISO 3166; "" if not known
	Bans int    `json:"bans"`
}

// Problem is one thing that the operator should repair, with a hint.
type Problem struct {
	About string `json:"about,omitempty"` // "log PATH", a log level that Asterisk does not write, or one of those below; "" is pbxjail as a whole. What may begin with it
	What  string `json:"what"`
	Hint  string `json:"hint"`
}

// What a Problem can be about.
const (
	AboutGeoIP    = "geoip"
	AboutGeoIPAge = "geoip age" // a table is old, and nothing else is wrong with it
	AboutFeed     = "feed "     // and its name
	AboutJail     = "jail "     // and its name: its file is refused
	AboutFirewall = "firewall"  // or "firewall, IPv6": a part of the firewall
	AboutDatabase = "database"  // the file of bans
	AboutWire     = "wire"      // the sensor of packets
	AboutAMI      = "ami"       // the manager interface of Asterisk
	AboutHeard    = "heard"     // the kernel's record of senders
	AboutAlarm    = "alarm"     // about a password
	AboutRules    = "packet rules"
	AboutChannel  = "notify " // and the name of the channel
	AboutMetrics  = "metrics"
	AboutCalls    = "calls" // of accounts
)

// File is a log that is followed, or that does not exist yet.
type File struct {
	Path     string     `json:"path"`
	Offset   int64      `json:"offset"`
	Size     int64      `json:"size"`
	LastLine *time.Time `json:"last_line"` // when its last line arrived; null: none yet
	Lines    uint64     `json:"lines"`
	Problem  string     `json:"problem"` // "" is none, NotThere a log that does not exist yet

	Records    uint64     `json:"records"`      // lines that begin a record of Asterisk
	Matched    uint64     `json:"matched"`      // events
	Doubtful   uint64     `json:"doubtful"`     // events among Matched that charge no address
	Unread     uint64     `json:"unread_lines"` // lines since the last record
	LastRecord *time.Time `json:"last_record"`  // when it was read; null: none yet
	Missed     int        `json:"missed_files"` // rotated files that were compressed or deleted before they could be read
	Finding    string     `json:"finding"`      // "", or the fault: not understood, silent, missing; Problems say why
}

// NotThere is the Problem of a log that does not exist.
const NotThere = "not there yet"

// Jail is a running jail. Its times are in seconds.
type Jail struct {
	Name     string   `json:"name"`
	File     string   `json:"file"` // "" if it is built in
	Enabled  bool     `json:"enabled"`
	Observe  bool     `json:"observe"` // decides, but does not ban
	Logs     []string `json:"logs"`
	Tracked  int      `json:"tracked"` // addresses with a score
	Banned   int      `json:"banned"`
	Events   uint64   `json:"events"`
	Maxretry float64  `json:"maxretry"`
	Findtime int64    `json:"findtime"`
	Bantime  int64    `json:"bantime"` // 0: forever
	Problem  string   `json:"problem"` // "" is none
}

// Counters start at 0 when the daemon starts.
type Counters struct {
	Lines     uint64 `json:"lines"`
	Matched   uint64 `json:"matched"`
	Ambiguous uint64 `json:"ambiguous"`
	Suspects  uint64 `json:"suspects"` // ambiguous records that an attacker seems to have written
	Signals   uint64 `json:"signals"`
	Bans      uint64 `json:"bans"`
	Unbans    uint64 `json:"unbans"`
	Evicted   uint64 `json:"evicted"`
	Displaced uint64 `json:"displaced"` // bans removed because the list of bans was full
	Repairs   uint64 `json:"repairs"`   // how often other programs had removed our rules or sets
	PutBack   uint64 `json:"put_back"`  // bans that were missing in the kernel
	Adopted   uint64 `json:"adopted"`   // set members in the kernel that were not in the ledger
	Expelled  uint64 `json:"expelled"`  // set members whose ban was over
}

// UnbanRequest lifts the bans of a prefix and of all addresses in it, or all bans.
type UnbanRequest struct {
	Prefix netip.Prefix `json:"prefix,omitzero"`
	All    bool         `json:"all,omitempty"`
	// GraceSeconds is how long failures of accounts that logged in there do not ban again;
	// null: 10 minutes.
	GraceSeconds *int64 `json:"grace_seconds,omitempty"`
}

func (q *UnbanRequest) subject() string {
	if q.All {
		return "all bans"
	}
	return q.Prefix.String()
}

// UnbanAnswer says how many bans were lifted, and what still drops packets of the prefix.
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
	Waiting []string `json:"waiting"` // changed keys of the main file that take effect at the next start
}

// Moment returns t in UTC for a field that may be null; nil for the zero time.
func Moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}
