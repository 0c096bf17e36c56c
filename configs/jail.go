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
	Warnings Problems // values that were read differently from how they are written

	from map[string]Origin // where each setting comes from, by path; a path that is missing is built in

	Enabled  bool           `yaml:"enabled" default:"true" own:"write it in the file of each jail" doc:"false switches the jail off. A file with this line alone switches off a shipped jail."`
	Observe  bool           `yaml:"observe" default:"false" doc:"Decide and record, but ban no address."`
	Heard    bool           `yaml:"heard" default:"true" doc:"Believe a line only if its address has sent packets to this host. Set false if these logs come from another host, or if all clients come through a proxy. Then the text alone is believed, and this jail ignores the sensor on the wire."`
	Logs     []string       `yaml:"logs" fail2ban:"logpath" own:"write logs beside defaults, at the beginning of a line: it holds for all jails" example:"[/var/log/asterisk/security, /var/log/asterisk/full*]" check:"log" doc:"Logs to follow: full paths, patterns with * ? [ ], or units in the journal of systemd (journal:ssh.service; journal:NAME.slice for all instances of a template). At least one. They need not exist yet."`
	Match    []Match        `yaml:"match" fail2ban:"filter failregex" own:"write it in the file of the jail" doc:"What gives points. At least one entry; each has either event or regex."`
	Maxretry Points         `yaml:"maxretry" default:"5" doc:"Points within findtime that lead to a ban. 1 is one ordinary failure, 2.5 is allowed."`
	Findtime time.Duration  `yaml:"findtime" default:"10m" doc:"How long a line counts."`
	Bantime  time.Duration  `yaml:"bantime" default:"10m" doc:"How long a ban lasts; forever is allowed."`
	Ports    []PortWord     `yaml:"ports" optional:"service" doc:"Ports that a ban closes. service (the default): the ports of the attacked service, read from Asterisk's files: sip (with RTP, and WebSocket over HTTP), iax, ami, http. If the service is not known, as with a regex, every port. all: every port. Or a list of ports and services: [5060, 5061, 10000-20000/udp, 22/tcp, iax]."`
	AllFrom  int            `yaml:"all_ports_from" default:"3" check:"from 0" doc:"From this strike on, a ban closes every port: an address that comes back so often is not a phone with an old password. 0: never. A ban that is short because of weak evidence, and a ban of an address where accounts log in, never closes more than ports says."`
	Slow     Slow           `yaml:"slow" doc:"A second, longer window for attackers that try a little each day. A login with a password clears its points. It works only in jails that read security events, because only these show logins."`
	Growth   Growth         `yaml:"bantime_growth" fail2ban:"bantime.increment bantime.factor bantime.maxtime" doc:"Longer bans for addresses that come back."`
	Evidence Evidence       `yaml:"evidence" doc:"How well the sender's address must be known. claimed: the sender wrote it. seen: a packet came from it, but one forged UDP packet can fake that. proven: the sender answered from this address, so its packets are not forged."`
	Places   PlaceRules     `yaml:"geoip" doc:"Factors for countries and networks in this jail. A key that is left out is taken from geoip in the main file."`
	Fraud    bool           `yaml:"fraud" default:"true" doc:"Let the fraud rules of the main file raise points in this jail."`
	Widen    Widen          `yaml:"widen" doc:"Ban the whole network when many of its addresses attack. A network with a protected address is never banned."`
	Ignoreip []netip.Prefix `yaml:"ignoreip" optional:"[198.51.100.0/24]" own:"write ignoreip beside defaults, at the beginning of a line: it holds for all jails" doc:"Addresses and networks that this jail never bans, in addition to those of the main file."`
	Samples  []Sample       `yaml:"samples" own:"write it in the file of the jail" doc:"Log lines that test this jail; jailctl check runs them."`
}

// Match is one thing that counts: an event or a regex, never both.
type Match struct {
	Line int // its line in the file

	Event   string `yaml:"event" example:"bad-password" doc:"A kind of event: bad-password, unknown-account, unknown-extension, guest-call, acl, not-allowed, malformed, rate, scan or unanswered (the caller never answered the question for a password)."`
	Service string `yaml:"service" optional:"pjsip" doc:"Only events of this service: pjsip, sip, iax2, ami, http or dialplan; of another program: ssh, web, gui, ftp, mail, vpn or provisioning. Left out: any of Asterisk's."`
	Regex   string `yaml:"regex" optional:"'^NOTICE chan_custom\\.c: login of <F-USER> from <ADDR>:<PORT> refused$'" doc:"Instead of event: your own pattern (RE2). It matches from the beginning of the line, and has <ADDR> in place of the address."`
	Points  Points `yaml:"points" optional:"2" doc:"Points of one such line. Left out: the parser decides; 1 for a regex."` // 0: left out
}

// Growth makes each further ban of an address longer. The zero Max has no limit,
// the zero ForgiveAfter never forgives.
type Growth struct {
	Factor       float64       `yaml:"factor" default:"1" check:"factor 1 to 100" doc:"Each ban is this many times as long as the one before. 1: no growth."`
	Max          time.Duration `yaml:"max" default:"4w" doc:"No ban becomes longer than this; forever is allowed."`
	ForgiveAfter time.Duration `yaml:"forgive_after" default:"30d" doc:"An address that was quiet for this long starts again at the first strike."`
}

// Slow is the second, long window. The zero Maxretry switches it off.
type Slow struct {
	Maxretry Points        `yaml:"maxretry" optional:"20" zero:"off" doc:"Points within this longer findtime that lead to a ban. 0 or left out: no second window."`
	Findtime time.Duration `yaml:"findtime" default:"3d" doc:"How long a line counts here."`
}

// Widen says when a network is banned and not only an address. The zero Members
// never widens.
type Widen struct {
	Members  int    `yaml:"members" default:"0" doc:"How many addresses of a network must have points in this jail within findtime. 0: a network is never banned."`
	Maxretry Points `yaml:"maxretry" default:"15" doc:"How many points they must have together."`
	IPv4     int    `yaml:"ipv4" default:"24" check:"from 16 to 31" doc:"Length of an IPv4 network, 16 to 31."`
	IPv6     int    `yaml:"ipv6" default:"64" check:"from 48 to 127" doc:"Length of an IPv6 network, 48 to 127. One internet line usually has a whole /64."`
}

// Evidence says how well an address must be known before a jail bans it.
type Evidence struct {
	Ban    string     `yaml:"ban" default:"seen" check:"one of claimed seen proven" doc:"The least evidence that leads to a ban: claimed, seen or proven."`
	Factor Weights    `yaml:"factor" doc:"Points of a line are multiplied by this, for its kind of evidence."`
	Max    MaxBantime `yaml:"max_bantime" doc:"The longest ban on each kind of evidence."`
}

// Weights are factors by evidence.
type Weights struct {
	Claimed float64 `yaml:"claimed" default:"0.5" check:"factor 0.001 to 100" doc:"The sender may have written another host's address. One such line alone never bans."`
	Seen    float64 `yaml:"seen" default:"1" check:"factor 0.001 to 100" doc:"An address that a packet came from."`
	Proven  float64 `yaml:"proven" default:"1" check:"factor 0.001 to 100" doc:"An address that has answered us."`
}

// MaxBantime is the longest ban for each kind of evidence; zero has no limit.
type MaxBantime struct {
	Claimed time.Duration `yaml:"claimed" default:"15m" doc:"Short, because the sender may have written another host's address."`
	Seen    time.Duration `yaml:"seen" default:"forever" doc:"An address that a packet came from."`
	Proven  time.Duration `yaml:"proven" default:"forever" doc:"An address that has answered us."`
}

// Sample is a log line and the address that the jail must charge for it.
type Sample struct {
	Line int // its line in the file

	Text string     `yaml:"line" example:"\"[2026-01-02 03:04:05] NOTICE[1] chan_sip.c: Registration from '<sip:301@pbx.example>' failed for '203.0.113.9:5060' - Wrong password\"" doc:"The whole line, as the log has it."`
	Addr netip.Addr `yaml:"addr" example:"203.0.113.9" doc:"The address that must get the points, or \"-\" if no address may get points."` // zero: no address
}

// JailName is the name of the jail that a file defines.
func JailName(path string) string {
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// ParseJail reads the text of the jail file called file, which must be complete: no
// main file and no shipped jail adds to it. An error is Problems, with every fault of
// the file.
func ParseJail(file string, data []byte) (*Jail, error) {
	j, d := newJail(JailName(file), file), newDecoder(file)
	if d.document(data, j) {
		j.validate(d)
	}
	j.note(d, FromFile)
	return j.result(d)
}

// CheckJail reports what is wrong with the text of a jail file, which may leave out what the
// shipped jail of its name has. file is its name, such as sshd.yaml. nil: nothing is wrong.
func CheckJail(file string, data []byte) error {
	_, err := (&Main{}).parseJail(JailName(file), file, append([]byte{}, data...))
	return err
}

func newJail(name, file string) *Jail {
	j := &Jail{Name: name, File: file, from: map[string]Origin{}}
	setDefaults(reflect.ValueOf(j).Elem())
	return j
}

// result returns the jail as d has read it, or its problems.
func (j *Jail) result(d *decoder) (*Jail, error) {
	j.Warnings = d.warnings
	if err := d.result(); err != nil {
		return nil, err
	}
	return j, nil
}
