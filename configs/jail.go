package configs

import (
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"time"
)

// Jail is one jail file. The tags hold the documentation; Reference prints it.
type Jail struct {
	Name     string   // the file's name without .yaml
	File     string   // where it was read; "shipped/NAME.yaml" for an embedded one
	Warnings Problems // what was read otherwise than written

	from map[string]Origin // where each setting comes from, by path; built in where none is named

	Enabled  bool           `yaml:"enabled" default:"true" own:"write it in the file of each jail" doc:"false switches the jail off. A file with this line alone switches off a shipped jail."`
	Observe  bool           `yaml:"observe" default:"false" doc:"Decide and record, but ban nobody."`
	Heard    bool           `yaml:"heard" default:"true" doc:"Believe a line only when its address has sent packets to this host. false: these logs come from another host, or everybody comes through a proxy; then the text alone is believed, and the sensor on the wire does not count here."`
	Logs     []string       `yaml:"logs" fail2ban:"logpath" own:"write logs beside defaults, at the beginning of a line: it holds for all jails" example:"[/var/log/asterisk/security, /var/log/asterisk/full*]" check:"path" doc:"Files to follow: whole paths, or patterns with * ? [ ]. They need not exist yet. At least one."`
	Match    []Match        `yaml:"match" fail2ban:"filter failregex" own:"write it in the file of the jail" doc:"What counts. At least one, each either an event or a regex."`
	Maxretry Points         `yaml:"maxretry" default:"5" doc:"Points within findtime that lead to a ban. 1 is one ordinary failure, 2.5 is allowed."`
	Findtime time.Duration  `yaml:"findtime" default:"10m" doc:"How long a line counts."`
	Bantime  time.Duration  `yaml:"bantime" default:"10m" doc:"How long a ban lasts; forever is allowed."`
	Ports    []PortWord     `yaml:"ports" optional:"service" doc:"What a ban closes. service, which holds when it is left out: the ports of what was attacked, as Asterisk's files name them: sip (with RTP, and WebSocket over HTTP), iax, ami, http; every port where that cannot be known, as with a regex. all: every port. Or a list: [5060, 5061, 10000-20000/udp, 22/tcp], where the names of services may stand too."`
	AllFrom  int            `yaml:"all_ports_from" default:"3" check:"from 0" doc:"From this strike on a ban closes every port: who comes back again and again is no phone with an old password. 0: never. A ban that is short because its packets prove little, and one of an address where accounts log in, keeps to its ports."`
	Slow     Slow           `yaml:"slow" doc:"A second, long window for those who try a little, day after day. A login with a password ends what it holds; so it counts only where security events are read, which tell of logins."`
	Growth   Growth         `yaml:"bantime_growth" fail2ban:"bantime.increment bantime.factor bantime.maxtime" doc:"Longer bans for those who come back."`
	Evidence Evidence       `yaml:"evidence" doc:"How well an address must be known. claimed: the caller wrote it. seen: his packet came from it, which one forged UDP packet can fake. proven: he has answered us from there."`
	Places   PlaceRules     `yaml:"geoip" doc:"What a country or a network is worth in this jail. A key that is left out is taken from geoip in the main file."`
	Fraud    bool           `yaml:"fraud" default:"true" doc:"Let the rules of fraud in the main file raise points here."`
	Widen    Widen          `yaml:"widen" doc:"Ban the network when many of its addresses take part. Never over a protected address inside it."`
	Ignoreip []netip.Prefix `yaml:"ignoreip" optional:"[198.51.100.0/24]" own:"write ignoreip beside defaults, at the beginning of a line: it holds for all jails" doc:"Addresses and networks this jail never bans, beside those of the main file."`
	Samples  []Sample       `yaml:"samples" own:"write it in the file of the jail" doc:"Lines that prove the jail right; jailctl check runs them."`
}

// Match is one thing that counts: an event or a regex, never both.
type Match struct {
	Line int // where it stands in the file

	Event   string `yaml:"event" example:"bad-password" doc:"A kind of event: bad-password, unknown-account, unknown-extension, guest-call, acl, not-allowed, malformed, rate, scan or unanswered (a challenge that nobody answered)."`
	Service string `yaml:"service" optional:"pjsip" doc:"Only when this was spoken to: pjsip, sip, iax2, ami, http or dialplan. Left out: any."`
	Regex   string `yaml:"regex" optional:"'^NOTICE chan_custom\\.c: login of <F-USER> from <ADDR>:<PORT> refused$'" doc:"In place of event: a pattern of your own (RE2), anchored, with <ADDR> where the address stands."`
	Points  Points `yaml:"points" optional:"2" doc:"What one such line is worth. Left out: what the parser finds it worth; 1 for a regex."` // 0: left out
}

// Growth makes each further ban of an address longer. The zero Max has no limit,
// the zero ForgiveAfter never forgives.
type Growth struct {
	Factor       float64       `yaml:"factor" default:"1" check:"factor 1 to 100" doc:"Each ban lasts this many times the one before. 1: no growth."`
	Max          time.Duration `yaml:"max" default:"4w" doc:"No ban grows beyond this; forever is allowed."`
	ForgiveAfter time.Duration `yaml:"forgive_after" default:"30d" doc:"An address that was quiet for so long begins anew."`
}

// Slow is the second, long window. The zero Maxretry switches it off.
type Slow struct {
	Maxretry Points        `yaml:"maxretry" optional:"20" zero:"off" doc:"Points within this longer findtime that lead to a ban. 0, or left out: there is no second window."`
	Findtime time.Duration `yaml:"findtime" default:"3d" doc:"How long a line counts here."`
}

// Widen says when a network is banned and not only an address. The zero Members
// never widens.
type Widen struct {
	Members  int    `yaml:"members" default:"0" doc:"How many addresses of a network must have points here within findtime. 0: a network is never banned."`
	Maxretry Points `yaml:"maxretry" default:"15" doc:"How many points they must have together."`
	IPv4     int    `yaml:"ipv4" default:"24" check:"from 16 to 31" doc:"Length of an IPv4 network, 16 to 31."`
	IPv6     int    `yaml:"ipv6" default:"64" check:"from 48 to 127" doc:"Length of an IPv6 network, 48 to 127. One line has a whole /64."`
}

// Evidence is what a jail asks of an address before it bans it.
type Evidence struct {
	Ban    string     `yaml:"ban" default:"seen" check:"one of claimed seen proven" doc:"The least evidence that leads to a ban: claimed, seen or proven."`
	Factor Weights    `yaml:"factor" doc:"What a line is worth by its evidence: its points are multiplied."`
	Max    MaxBantime `yaml:"max_bantime" doc:"The longest ban on each kind of evidence."`
}

// Weights are factors by evidence.
type Weights struct {
	Claimed float64 `yaml:"claimed" default:"0.5" check:"factor 0.001 to 100" doc:"The caller may have written the address of somebody else. One such line alone never bans."`
	Seen    float64 `yaml:"seen" default:"1" check:"factor 0.001 to 100" doc:"The address the packet came from."`
	Proven  float64 `yaml:"proven" default:"1" check:"factor 0.001 to 100" doc:"The address that has answered us."`
}

// MaxBantime is the longest ban for each kind of evidence; zero has no limit.
type MaxBantime struct {
	Claimed time.Duration `yaml:"claimed" default:"15m" doc:"Short: the caller may have written the address of somebody else."`
	Seen    time.Duration `yaml:"seen" default:"forever" doc:"The address the packet came from."`
	Proven  time.Duration `yaml:"proven" default:"forever" doc:"The address that has answered us."`
}

// Sample is a line and what the jail must make of it.
type Sample struct {
	Line int // where it stands in the file

	Text string     `yaml:"line" example:"\"[2026-01-02 03:04:05] NOTICE[1] chan_sip.c: Registration from '<sip:301@pbx.example>' failed for '203.0.113.9:5060' - Wrong password\"" doc:"The whole line, as the log has it."`
	Addr netip.Addr `yaml:"addr" example:"203.0.113.9" doc:"Whom it must be charged to, or \"-\" when nobody may be."` // zero: nobody
}

// JailName is the name of the jail that a file defines.
func JailName(path string) string {
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// ParseJail reads the text of the jail file called file, which must say all: nothing of a
// main file or of a shipped jail stands below it. An error is Problems, with every fault
// of the file.
func ParseJail(file string, data []byte) (*Jail, error) {
	j, d := newJail(JailName(file), file), newDecoder(file)
	if d.document(data, j) {
		j.validate(d)
	}
	j.note(d, FromFile)
	return j.result(d)
}

func newJail(name, file string) *Jail {
	j := &Jail{Name: name, File: file, from: map[string]Origin{}}
	setDefaults(reflect.ValueOf(j).Elem())
	return j
}

// result is the jail as d has read it last, or what is wrong with it.
func (j *Jail) result(d *decoder) (*Jail, error) {
	j.Warnings = d.warnings
	if err := d.result(); err != nil {
		return nil, err
	}
	return j, nil
}
