package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"pbxjail/cmd/internal/lab"
)

// fault is one that can be planted on a machine and taken away again.
type fault struct {
	name     string
	check    string // of doctor, that must find it
	severity string // at least
	says     string // in the finding
	standIn  string // what is not the real thing; "": all is
	only     string // the version of Asterisk that can have it; "": all

	files  map[string]func(old string) string // of Asterisk
	reload []string                           // commands of Asterisk, after a change of files
	main   string                             // more lines of the main file; pbxjail starts again
	env    []string                           // of pbxjail
	before func(*patient) error               // while pbxjail does not run

	plant, heal func(*patient) error
	as          func(*exec.Cmd)               // how jailctl is called
	follow      func(*patient, finding) error // does what the finding says
}

func (f fault) label() string {
	if f.standIn != "" {
		return f.name + " (stand-in: " + f.standIn + ")"
	}
	return f.name
}

// text is a file with these words in place of others, or at its end.
func with(more string) func(string) string    { return func(old string) string { return old + more } }
func instead(text string) func(string) string { return func(string) string { return text } }
func replaced(from, to string) func(string) string {
	return func(old string) string { return strings.Replace(old, from, to, 1) }
}

// asteriskFaults are settings of Asterisk.
func asteriskFaults() []fault {
	const out = "\n[out]\nexten => _X.,1,Dial(PJSIP/${EXTEN}@provider)\n"
	pjsip := []string{"module reload res_pjsip.so", "dialplan reload"}
	return []fault{
		{name: "alwaysauthreject=no", check: "alwaysauthreject", severity: "risky", only: "16", says: "sip.conf:",
			files: map[string]func(string) string{"sip.conf": replaced("alwaysauthreject=yes", "alwaysauthreject=no")}, reload: []string{"sip reload"}},
		{name: "guests of chan_sip dial out", check: "guests", severity: "risky", only: "16", says: "chan_sip",
			files: map[string]func(string) string{"sip.conf": func(old string) string {
				return strings.NewReplacer("context=from-sip-guest", "context=out", "allowguest=no", "allowguest=yes").Replace(old)
			}, "extensions.conf": with(out)}, reload: []string{"sip reload", "dialplan reload"}},
		{name: "guests of PJSIP dial out", check: "guests", severity: "risky", says: "PJSIP",
			files: map[string]func(string) string{"pjsip.conf": with("\n[anonymous]\ntype=endpoint\ncontext=out\ndisallow=all\nallow=ulaw\n"), "extensions.conf": with(out)}, reload: pjsip},
		{name: "guests of IAX2 dial out", check: "guests", severity: "risky", says: "IAX2",
			files: map[string]func(string) string{"iax.conf": with("\n[guest]\ntype=user\ncontext=out\n"), "extensions.conf": with(out)}, reload: []string{"iax2 reload", "dialplan reload"}},
		{name: "authdebug off, and no packets read", check: "authdebug", severity: "blind", says: "iax.conf:",
			files: map[string]func(string) string{"iax.conf": replaced("authdebug=yes", "authdebug=no")}, reload: []string{"iax2 reload"}, main: "wire: {enabled: false}\n"},
		{name: "sipdebug=yes", check: "debug", severity: "risky", only: "16", says: "sip.conf:",
			files: map[string]func(string) string{"sip.conf": replaced("[general]\n", "[general]\nsipdebug=yes\n")}},
		{name: "debug=yes of PJSIP", check: "debug", severity: "risky", says: "pjsip.conf:",
			files: map[string]func(string) string{"pjsip.conf": replaced("type=global\n", "type=global\ndebug=yes\n")}},
		{name: "SIP debug left on", check: "debug", severity: "risky", only: "16", says: "sip set debug off", plant: packets("sip set debug on", lab.Port), heal: quiet("sip set debug off")},
		{name: "packet logger of PJSIP left on", check: "debug", severity: "risky", says: "pjsip set logger off", plant: packets("pjsip set logger on", 0), heal: quiet("pjsip set logger off")},
		{name: "dumps of pjproject", check: "debug", severity: "risky", says: "pjproject.conf:",
			files: map[string]func(string) string{"pjproject.conf": instead("[log_mappings]\ntype=log_mappings\nasterisk_error=0,1\nasterisk_verbose=3,4,5\n")}, reload: []string{"module reload res_pjproject.so"}},
	}
}

// packets gives a command, and then sends a packet to Asterisk that it writes into its log.
// Port 0 is that of PJSIP.
func packets(command string, port uint16) func(*patient) error {
	return func(p *patient) error {
		if _, err := p.pbx.CLI(command); err != nil {
			return err
		}
		if port == 0 {
			port = lab.Port
			if p.version == "16" {
				port = lab.PJSIPBesides
			}
		}
		s, err := p.net.NewSender(context.Background(), "udp", netip.MustParseAddr("203.0.113.77"), port)
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = s.Do(s.Request("OPTIONS", "1001", "1001"))
		return err
	}
}

// quiet gives a command, and then begins new logs: doctor looks at the last minutes.
func quiet(command string) func(*patient) error {
	return func(p *patient) error {
		_, err := p.pbx.CLI(command)
		_, rotate := p.pbx.CLI("logger rotate")
		return errors.Join(err, rotate)
	}
}

// recipe is the well-known one that logs unknown calls.
const recipe = "\n[planted-in]\nexten => _X.,1,Set(__FROM_DID=${EXTEN})\n same => n,Goto(planted,s,1)\n[planted]\nexten => s,1,Noop(Dead calls)\n" +
	"exten => s,n,Set(uri=${SIPCHANINFO(uri)})\n" +
	`exten => s,n,System(echo "[${STRFTIME(${EPOCH},,%b %d %H:%M:%S)}] SECURITY[] Unknown Call from ${CALLERIDNUM} to ${FROM_DID} IPdetails ${uri}" >> /var/log/asterisk/sipsec.log)` +
	"\nexten => s,n,Hangup()\n"

// dialplanFaults give text of callers to a shell.
func dialplanFaults() (list []fault) {
	for name, text := range map[string]string{
		"the recipe of sipsec.log":         recipe,
		"the recipe with CHANNEL(uri)":     strings.ReplaceAll(recipe, "SIPCHANINFO(uri)", "CHANNEL(uri)"),
		"the recipe for PJSIP":             strings.NewReplacer("SIPCHANINFO(uri)", "CHANNEL(pjsip,remote_addr)", "${uri}", "${uri} UA ${PJSIP_HEADER(read,User-Agent)}").Replace(recipe),
		"the recipe with TrySystem":        strings.ReplaceAll(recipe, "System(", "TrySystem("),
		"the recipe within ExecIf":         strings.ReplaceAll(recipe, "n,System(", `n,ExecIf($["${FROM_DID}" != ""]?System(`) + ";\n",
		"the number of a caller, SHELL":    "\n[planted]\nexten => _X.,1,Set(known=${SHELL(grep ${EXTEN} /etc/hosts)})\n",
		"the name of a caller, MixMonitor": "\n[planted]\nexten => _X.,1,MixMonitor(a.wav,b,lame /tmp/a.wav /tmp/${CALLERID(name)}.mp3)\n",
	} {
		f := fault{name: name, check: "dialplan-shell", severity: "broken", says: "planted.conf:", reload: []string{"dialplan reload"},
			files: map[string]func(string) string{"extensions.conf": with("\n#include planted.conf\n"), "planted.conf": instead(text)}}
		if strings.HasPrefix(name, "the recipe") && !strings.Contains(name, "ExecIf") {
			f.follow = inPlace
		}
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b fault) int { return strings.Compare(a.name, b.name) })
	return list
}

// inPlace writes the lines of a finding in place of the line that it names, and sees that
// Asterisk reads them.
func inPlace(p *patient, one finding) error {
	if len(one.Fix) == 0 || len(one.Fix[0].Lines) == 0 {
		return errors.New("there are no lines to write")
	}
	file, at, _ := strings.Cut(strings.TrimPrefix(one.Fix[0].Where, "in place of "), ":")
	var n int
	if _, err := fmt.Sscan(at, &n); err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	lines := strings.Split(string(text), "\n")
	lines[n-1] = strings.Join(one.Fix[0].Lines, "\n")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		return err
	}
	if _, err := p.pbx.CLI("dialplan reload"); err != nil {
		return err
	}
	shown, err := p.pbx.CLI("dialplan show planted")
	if err == nil && (!strings.Contains(shown, "Set(FILE(") || !strings.Contains(shown, "Hangup()")) {
		err = fmt.Errorf("the new lines are not in the dialplan of Asterisk: %s", shown)
	}
	return err
}

// logFaults are of the logs and of what Asterisk writes into them.
func logFaults() []fault {
	logger := func(name, check, severity, says string, edit func(string) string) fault {
		return fault{name: name, check: check, severity: severity, says: says, files: map[string]func(string) string{"logger.conf": edit}, reload: []string{"logger reload"}}
	}
	security := strings.NewReplacer("security => security\n", "", ",security", "")
	odd := strings.Repeat("pbx1 | [2026-01-02 03:04:05] NOTICE[1] x.c: y\n", 300)
	return []fault{
		logger("security channel off", "security-channel", "blind", "logger.conf:", func(old string) string { return security.Replace(old) }),
		logger("all logs are [json]", "json", "risky", "logger.conf:", instead("[general]\ndateformat=%F %T\n[logfiles]\nfull.json => [json]notice,warning,error,security\n")),
		logger("logger_queue_limit=50", "logger-queue", "risky", "logger.conf:", replaced("[general]\n", "[general]\nlogger_queue_limit=50\n")),
		logger("a log in a folder that is not there", "reported", "blind", "does not exist", with("none/attempts => notice,warning\n")),
		{name: "records discarded", check: "logger-queue", severity: "blind", says: "discarded", standIn: "a line in the log", plant: func(p *patient) error {
			return p.append("messages", time.Now().Format("[2006-01-02 15:04:05]")+" WARNING[9] logger.c: Logging resumed.  15 messages discarded.\n")
		}, heal: quiet("core show version")},
		{name: "a log that is not understood", check: "reported", severity: "blind", says: "understood", standIn: "lines of another program",
			files: map[string]func(string) string{"logger.conf": with("odd => notice\n")}, reload: []string{"logger reload"},
			plant: func(p *patient) error {
				if !until(context.Background(), findTime, func() bool { return p.guard.follows([]string{"odd"}) }) {
					return errors.New("pbxjail does not follow the new log")
				}
				return p.append("odd", odd)
			}, heal: func(p *patient) error { return os.Remove(filepath.Join(p.guard.logs(), "odd")) }},
		{name: "pbxjail in another zone", check: "clock", severity: "risky", says: "different clocks", main: "# zone\n", env: []string{"TZ=Asia/Tokyo"},
			plant: func(p *patient) error { _, err := p.pbx.CLI("logger reload"); return errors.Join(err, p.notice()) }},
	}
}

// append writes to a log of Asterisk.
func (p *patient) append(log, text string) error {
	f, err := os.OpenFile(filepath.Join(p.guard.logs(), log), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// notice makes Asterisk write a notice: a phone with a wrong password.
func (p *patient) notice() error {
	s, err := p.net.NewSender(context.Background(), "udp", netip.MustParseAddr("203.0.113.78"), lab.Port)
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = s.Register("1001", "wrong")
	return err
}

// ordinary calls jailctl as a user of a group, over SSH: a call of root would protect the
// address.
func ordinary(cmd *exec.Cmd) {
	const overflow = 65534
	cmd.Env = kept(cmd.Env, "SSH_CONNECTION=203.0.113.50 50000 192.0.2.10 22")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: overflow, Gid: overflow}}
}
