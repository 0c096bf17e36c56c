package doctor

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/show"
)

// major is the first number of Asterisk's version; 0: it is not known.
func (e *Env) major() int {
	text := strings.TrimPrefix(e.Found.Asterisk, "certified/")
	digits := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(text)
	}
	n, _ := strconv.Atoi(text[:digits]) // "unknown" has none
	return n
}

// chanSIP reports whether an Asterisk may have chan_sip: it was removed in 21, and does not
// start without its file.
func (e *Env) chanSIP(folder string) bool {
	sections, _ := asterisk.Sections(folder, "sip.conf", "context")
	return len(sections) > 0 && (e.major() == 0 || e.major() < 21)
}

// general is the last setting of a key in [general] of a file.
func general(folder, file, key string) (asterisk.Setting, bool) {
	sections, _ := asterisk.Sections(folder, file, key)
	for _, s := range sections {
		if strings.EqualFold(s.Name, "general") {
			if set, found := s.Last(key); found {
				return set, true
			}
		}
	}
	return asterisk.Setting{}, false
}

func setLine(s asterisk.Setting) string {
	return fmt.Sprintf("%s: %s = %s", where(s.At), show.Flat(s.Key, 60), show.Flat(s.Value, 60))
}

// alwaysAuthReject: with "no" chan_sip answers in another way for an account that does not
// exist (asterisk:channels/chan_sip.c). It is "yes" by default. PJSIP has no such setting.
func alwaysAuthReject(e *Env) (list []findings.Finding) {
	for _, folder := range e.Folders {
		set, found := general(folder, "sip.conf", "alwaysauthreject")
		if !found || asterisk.IsTrue(set.Value) || !e.chanSIP(folder) {
			continue
		}
		list = append(list, findings.Finding{
			About: "accounts", Severity: findings.Risky,
			What:     "chan_sip gives another answer for accounts that exist than for accounts that do not. So a scanner learns which accounts exist",
			Evidence: []string{setLine(set)},
			Fix:      []findings.Step{findings.Write("in place of "+where(set.At), "alwaysauthreject=yes"), findings.Command("asterisk -rx 'sip reload'")},
		})
	}
	return list
}

// authdebug: chan_iax2 writes failed log-ins only with it, and it is off by default:
// asterisk:channels/chan_iax2.c.
func authdebug(e *Env) (list []findings.Finding) {
	for _, folder := range e.Folders {
		sections, _ := asterisk.Sections(folder, "iax.conf", "authdebug", "type", "host")
		if len(sections) == 0 {
			continue
		}
		set, found := general(folder, "iax.conf", "authdebug")
		if found && asterisk.IsTrue(set.Value) {
			continue
		}
		accounts := 0
		for _, s := range sections {
			if _, typed := s.Last("type"); typed && !s.Template {
				accounts++
			}
		}
		f := findings.Finding{
			About: "IAX2", Severity: findings.Blind,
			What: "Asterisk does not log failed log-ins of IAX2",
			Fix:  []findings.Step{findings.Write("below [general] in "+folder+"/iax.conf", "authdebug=yes"), findings.Command("asterisk -rx 'iax2 reload'")},
		}
		if found {
			f.Evidence = []string{setLine(set)}
			f.Fix[0] = findings.Write("in place of "+where(set.At), "authdebug=yes")
		} else {
			f.Evidence = []string{folder + "/iax.conf: authdebug is missing, and off by default"}
		}
		f.Evidence = append(f.Evidence, show.Count(accounts, "account")+" in iax.conf")
		switch {
		case e.readsPackets():
			f.Severity = findings.Note
			f.What += "; pbxjail sees them only in packets"
		case accounts == 0:
			f.Severity = findings.Note
			f.What += "; it has no account with a password to guess"
		}
		list = append(list, f)
	}
	return list
}

// Settings that make Asterisk write whole packets into its logs, by file.
var debugKeys = []struct {
	file, section, key string
	on                 func(string) bool
	fix                string
	off                string
}{
	{"sip.conf", "general", "sipdebug", asterisk.IsTrue, "sipdebug=no", "asterisk -rx 'sip set debug off'"},
	{"pjsip.conf", "", "debug", notNo, "debug=no", "asterisk -rx 'pjsip set logger off'"},
	{"manager.conf", "general", "debug", asterisk.IsTrue, "debug=no", "asterisk -rx 'manager set debug off'"},
}

func notNo(value string) bool { return value != "" && !strings.EqualFold(value, "no") }

// dumps are lines with which a whole packet begins in a log: asterisk:channels/chan_sip.c,
// res/res_pjsip_logger.c, res/res_pjproject.c.
var dumps = []struct {
	form *regexp.Regexp
	what string
	off  string
}{
	{regexp.MustCompile(`chan_sip\.c: .*<--- (?:SIP read from|Transmitting|Reliably Transmitting)`), "SIP debug of chan_sip is on", "asterisk -rx 'sip set debug off'"},
	{regexp.MustCompile(`res_pjsip_logger\.c: .*<--- (?:Received|Transmitting) SIP`), "the packet logger of PJSIP is on", "asterisk -rx 'pjsip set logger off'"},
	{regexp.MustCompile(`DEBUG\[\d+\](?:\[[^\]]*\])? pjproject: `), "debug output of pjproject is on", "asterisk -rx 'pjproject set log level default'"},
}

// debugOutput: a packet in a log is text of a caller with newlines of its own.
func debugOutput(e *Env) (list []findings.Finding) {
	const why = ", so Asterisk writes whole packets of callers into its logs, and they can look like records. pbxjail trusts no record near them, and the logs fill the disk"
	for _, folder := range e.Folders {
		for _, k := range debugKeys {
			sections, _ := asterisk.Sections(folder, k.file, k.key)
			for _, s := range sections {
				set, found := s.Last(k.key)
				if !found || s.Template || k.section != "" && !strings.EqualFold(s.Name, k.section) || !k.on(set.Value) {
					continue
				}
				list = append(list, findings.Finding{
					About: "debug", Severity: findings.Risky, What: "debug output is on in " + k.file + why,
					Evidence: []string{setLine(set)},
					Fix:      []findings.Step{findings.Write("in place of "+where(set.At), k.fix), findings.Command(k.off)},
				})
			}
		}
		list = append(list, e.pjproject(folder, why)...)
	}
	for _, d := range dumps {
		for _, t := range e.Tails {
			i := slices.IndexFunc(e.recent(t), func(r record) bool { return d.form.MatchString(r.text) })
			if i < 0 {
				continue
			}
			list = append(list, findings.Finding{
				About: "debug", Severity: findings.Risky, What: d.what + why,
				Evidence: []string{show.Word(t.Path, 200) + ": " + show.Flat(e.recent(t)[i].text, 120)},
				Fix:      []findings.Step{findings.Command(d.off)},
				Hint:     "switch this debug output off with the command below. doctor looks at the last 5 minutes of each log, so this problem goes away 5 minutes later",
			})
			break
		}
	}
	return list
}

// pjproject: from level 4 on pjproject writes whole packets, to the levels of Asterisk that
// pjproject.conf maps them to. By default that is debug, which only a log with debug has.
func (e *Env) pjproject(folder, why string) (list []findings.Finding) {
	sections, _ := asterisk.Sections(folder, "pjproject.conf", "asterisk_error", "asterisk_warning", "asterisk_notice", "asterisk_verbose", "log_level")
	for _, s := range sections {
		for _, set := range s.Settings {
			if set.Key == "log_level" || !slices.ContainsFunc(strings.Split(set.Value, ","), packetLevel) {
				continue
			}
			list = append(list, findings.Finding{
				About: "debug", Severity: findings.Risky, What: "pjproject writes whole packets into the logs of Asterisk" + why,
				Evidence: []string{setLine(set)},
				Fix:      []findings.Step{findings.Write("below [log_mappings] in "+folder+"/pjproject.conf", "asterisk_error=0,1", "asterisk_warning=2", "asterisk_debug=3,4,5"), findings.Command("asterisk -rx 'module reload res_pjproject.so'")},
			})
		}
	}
	return list
}

// packetLevel knows the levels of pjproject that hold whole packets.
func packetLevel(text string) bool {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	return err == nil && n >= 4
}
