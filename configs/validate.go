package configs

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"pbxjail/configs/show"
)

var (
	// chainName leaves room for what is put behind it: iptables takes 28 bytes
	// (linux:include/uapi/linux/netfilter/x_tables.h XT_EXTENSION_MAXNAMELEN).
	chainName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,19}$`)
	// jailName fits into the name of a set, pbxjail-NAME-4: ipset takes 31 bytes
	// (linux:include/uapi/linux/netfilter/ipset/ip_set.h IPSET_MAXNAMELEN).
	jailName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,19}$`)
)

// hostName is a name that DNS can look up: RFC 1123 2.1. An address is not a name.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]\.?$`)

// maxSocket is the longest path a Unix socket can have: unix(7) sun_path.
const maxSocket = 107

// validate finds the faults that the check tags of single keys cannot find.
func (m *Main) validate(d *decoder) {
	m.PacketRules.validate(d, "packet_rules")
	validateLogs(d, m.Logs)
	m.Heard.validate(d)
	for i, h := range m.IgnoreHosts {
		if !hostName.MatchString(h) {
			d.fault(fmt.Sprintf("ignore_hosts[%d]", i), "write a host name such as trunk.example.net; write addresses below ignoreip", "%s is not a host name", quote(h))
		}
	}
	m.GeoIP.validate(d)
	if len(m.Socket) > maxSocket {
		d.fault("socket", "write a shorter path, such as /run/pbxjail/pbxjail.sock (the default)", "the path has %d characters, but the path of a socket can have at most %d", len(m.Socket), maxSocket)
	}
	if !chainName.MatchString(m.Chain) {
		d.fault("chain", "write a name with a to z, 0 to 9 and -, a letter first, at most 20 characters, such as chain: pbxjail", "%s cannot be the name of a firewall chain", quote(m.Chain))
	}
	if m.Action == "reject" && m.Hook != "filter" {
		d.fault("action", "write hook: filter, too; or write action: drop", "action: reject works only with hook: filter")
	}
	m.Fraud.validate(d)
	m.Traps.validate(d)
	m.Calls.validate(d)
	validateFeeds(d, m.Feeds)
	m.Notify.validate(d)
	m.Metrics.validate(d, m.Socket)
	m.AMI.validate(d)
	m.Recordings.validate(d)
}

func (j *Jail) validate(d *decoder) {
	if !jailName.MatchString(j.Name) {
		d.fault("", "rename the file: use a to z, 0 to 9 and -, at most 20 characters before .yaml", "%s cannot be the name of a jail", quote(j.Name))
	}
	j.validateSources(d)
	if j.Findtime == Forever {
		d.fault("findtime", "write a time such as 10m or 1d", "forever is not possible: old attempts would never be forgotten")
	}
	j.validatePorts(d)
	j.Growth.validate(d, j)
	j.Slow.validate(d, j)
	j.Widen.validate(d)
	j.Places.validate(d, "geoip")
	for i, s := range j.Samples {
		if s.Text == "" {
			d.fault(fmt.Sprintf("samples[%d]", i), "below this sample, write line: and the whole line of the log", "has no line")
		}
	}
}

// validateSources checks what a jail reads. A jail that is switched off needs nothing.
func (j *Jail) validateSources(d *decoder) {
	if j.Enabled && len(j.Logs) == 0 {
		d.fault("logs", "write the log of this jail, such as logs: [/var/log/asterisk/security]", "is missing")
	}
	validateLogs(d, j.Logs)
	if j.Enabled && len(j.Match) == 0 {
		d.fault("match", "write what gives points, such as match: [{event: bad-password}]", "is missing")
	}
	for i, m := range j.Match {
		m.validate(d, fmt.Sprintf("match[%d]", i))
	}
}

// validateLogs checks the logs, and completes the names of units in the journal, so that a
// unit has one name.
func validateLogs(d *decoder, logs []string) {
	for i, log := range logs {
		if unit, is := strings.CutPrefix(log, JournalPrefix); is {
			if !strings.Contains(unit, ".") {
				logs[i] = log + ".service"
			}
			continue
		}
		if _, err := filepath.Match(log, ""); err != nil {
			d.fault(fmt.Sprintf("logs[%d]", i), `close the bracket, or write \ before a bracket that is part of the name`, "%s is not a valid pattern of file names: a bracket is not closed", quote(log))
		}
	}
}

// JournalPrefix is what the name of a log begins with that is a unit in systemd's journal.
const JournalPrefix = "journal:"

// unitForm is the name of a unit or a slice: it becomes an argument of journalctl(1).
var unitForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9:_.@-]{0,254}$`)

// checkLog checks that a log is a path from the root, or a unit in the journal.
func checkLog(d *decoder, at, log string) {
	unit, is := strings.CutPrefix(log, JournalPrefix)
	switch {
	case !is:
		checkAbsolute(d, at, log)
	case !unitForm.MatchString(unit):
		d.fault(at, "after journal: write a unit of systemd, such as journal:asterisk.service", "%s is not a unit of systemd", quote(log))
	}
}

func (m Match) validate(d *decoder, path string) {
	switch {
	case m.Event == "" && m.Regex == "":
		d.fault(path, "write event: and a kind, such as bad-password; or write regex: and a pattern", "has neither event nor regex")
	case m.Event != "" && m.Regex != "":
		d.fault(path, "make two entries: one with event, one with regex", "has both event and regex, but can have only one")
	case m.Service != "" && m.Regex != "":
		d.fault(path+".service", "remove the key service, or write event: in place of regex:", "works only together with event, not with regex")
	}
}

func (g Growth) validate(d *decoder, j *Jail) {
	if g.Factor > 1 && g.Max != Forever && j.Bantime > g.Max {
		d.faultOf([]string{"bantime_growth.max", "bantime"}, "write a longer max, or a shorter bantime", "%s is shorter than bantime, which is %s", show.Duration(g.Max), show.Duration(j.Bantime))
	}
}

func (s Slow) validate(d *decoder, j *Jail) {
	switch {
	case s.Maxretry == 0:
	case s.Findtime == Forever || s.Findtime <= j.Findtime:
		d.faultOf([]string{"slow.findtime", "findtime"}, "write a longer time such as 3d, or slow: {maxretry: 0} for no second window", "%s is not longer than findtime of the jail, which is %s", show.Duration(s.Findtime), show.Duration(j.Findtime))
	case s.Maxretry < j.Maxretry:
		d.faultOf([]string{"slow.maxretry", "maxretry"}, "write more than maxretry of the jail: these points are counted over a longer time", "is less than maxretry of the jail")
	}
}

func (w Widen) validate(d *decoder) {
	if w.Members < 0 || w.Members == 1 || w.Members > 256 {
		d.fault("widen.members", "write a number from 2 to 256; or 0, to ban no networks", "%d is not possible: it must be 0, or 2 to 256", w.Members)
	}
}

func checkWord(d *decoder, path, word string, words ...string) {
	if !slices.Contains(words, word) {
		d.fault(path, "write one of "+strings.Join(words, ", "), "%s is not known", quote(word))
	}
}

func checkAbsolute(d *decoder, path, file string) {
	if !strings.HasPrefix(file, "/") {
		d.fault(path, "write the full path, with / at the beginning", "%s does not begin with /", quote(file))
	}
}
