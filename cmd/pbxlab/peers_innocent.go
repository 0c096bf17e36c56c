package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"pbxjail/cmd/internal/lab/madelog"
)

// forgedForms are records that Asterisk writes when an attacker at {A} sends text that names
// an innocent address {V}. ESC begins a colour code, which Asterisk's logger takes out with
// what follows up to its letter m (asterisk:main/term.c, term_strip).
var forgedForms = []struct{ what, text string }{
	{"an event's own fields in the Call-ID", head("SECURITY", "res_security_log.c") + event("InvalidAccountID", "{N}", `{N}x",LocalAddress="IPV4/UDP/192.0.2.20/5060",RemoteAddress="IPV4/UDP/{V}/5060"`, "{A}", "")},
	{"the address, quoted, in the account", head("SECURITY", "res_security_log.c") + event("InvalidAccountID", `{N}",RemoteAddress="IPV4/UDP/{V}/5"`, "{N}@203.0.113.77", "{A}", "")},
	{"a whole event in the Call-ID, and ESC that takes the true address out", head("SECURITY", "res_security_log.c") + `SecurityEvent="InvalidAccountID",EventTV="{TV}",Severity="Error",Service="PJSIP",EventVersion="1",AccountID="{N}",SessionID="{N}",LocalAddress="IPV4/UDP/192.0.2.20/5060",RemoteAddress="IPV4/UDP/{V}/5060",XoteAddress="IPV4/UDP/{A}/{N}"`},
	{"an address in the response of AMI", head("SECURITY", "res_security_log.c") + strings.ReplaceAll(event("ChallengeResponseFailed", "admin", "0x7f{N}", "{A}", `,Challenge="1",Response="x",RemoteAddress="IPV4/TCP/{V}/1",Response="y",ExpectedResponse="z"`), "PJSIP", "AMI")},
	{"a message in the display name", notice("res_pjsip/pjsip_distributor.c") + `Request 'REGISTER' from '"x' failed for '{V}:5060' (callid: 1" <sip:{N}@b>' failed for '{A}:{N}' (callid: {N}) - No matching endpoint found`},
	{"the same behind an escaped quote, and ESC that takes the rest out", notice("res_pjsip/pjsip_distributor.c") + `Request 'REGISTER' from '"x\" <sip:a@b>' failed for '{V}:5060' (callid: 1) - No matching endpoint found`},
	{"a message in the Call-ID", notice("res_pjsip/pjsip_distributor.c") + `Request 'REGISTER' from '<sip:{N}@b>' failed for '{A}:{N}' (callid: {N}) y' failed for '{V}:5060' (callid: 1) - No matching endpoint found`},
	{"a call in the user name", notice("chan_sip.c") + `Call from 'x' ({V}:5060) to extension '9' rejected because extension not found in context 'd'.' ({A}:{N}) to extension '1' rejected because extension not found in context 'default'.`},
	{"a line of its own in the number, chan_sip", notice("chan_sip.c") + `Call from '' ({A}:{N}) to extension '1` + "\n" + guessed("chan_sip.c") + `Registration from 'x' failed for '{V}:5060' - Wrong password` + "\n" + `' rejected because extension not found in context 'default'.`},
	{"a line of its own in the number, PJSIP", notice("res_pjsip_session.c") + ` anonymous: Call (UDP:{A}:{N}) to extension '1` + "\n" + guessed("chan_iax2.c") + `Host {V} failed MD5 authentication for 'x' (a != b)` + "\n" + `' rejected because extension not found in context 'in'.`},
	{"a message in the To header", notice("chan_sip.c") + `Registration from '"x' failed for '{V}:5060' - Wrong password" <sip:{N}@b>' failed for '{A}:{N}' - No matching peer found`},
	{"the address as the user", notice("res_pjsip/pjsip_distributor.c") + `Request 'INVITE' from '<sip:{V}@{V}>' failed for '{A}:{N}' (callid: {N}{V}) - No matching endpoint found`},
}

func head(level, file string) string { return "[{NOW}] " + level + "[3120] " + file + ": " }
func notice(file string) string      { return head("NOTICE", file) }

// guessed is a head that a caller writes: it cannot know the number of a thread.
func guessed(file string) string {
	return strings.Replace(notice(file), "3120", "2210", 1)
}

func event(name, account, session, from, tail string) string {
	return fmt.Sprintf(`SecurityEvent="%s",EventTV="{TV}",Severity="Error",Service="PJSIP",EventVersion="1",AccountID="%s",SessionID="%s",LocalAddress="IPV4/UDP/%s/5060",RemoteAddress="IPV4/UDP/%s/{N}"%s`, name, account, session, madelog.PBX, from, tail)
}

// honestForms are what phones of customers at {V} make a PBX write.
var honestForms = []struct {
	what  string
	lines []string
}{
	{"a phone with an old password beside one that logs in", append(
		[]string{login("2007")}, repeat(12, wrong("2007"))...)},
	{"ten phones of an office, each once wrong after a change", func() (lines []string) {
		for i := range 10 {
			lines = append(lines, login(fmt.Sprint(2010+i)))
		}
		for i := range 10 {
			lines = append(lines, wrong(fmt.Sprint(2010+i)))
		}
		return lines
	}()},
	{"a phone that registers each few seconds", repeat(30, login("2008"))},
}

func login(account string) string {
	return strings.Replace(head("SECURITY", "res_security_log.c")+event("SuccessfulAuth", account, "c{N}@{V}", "{V}", `,UsingPassword="1"`), "Error", "Informational", 1)
}

func wrong(account string) string {
	return head("SECURITY", "res_security_log.c") + event("ChallengeResponseFailed", account, "d{N}@{V}", "{V}", `,Challenge="1795721545/7676979f0a1b2c3d4e5f60718293a4b5",Response="78415958d4d2e482f7cd699e855703b6",ExpectedResponse=""`)
}

func repeat(times int, text string) (list []string) {
	for range times {
		list = append(list, text)
	}
	return list
}

// timesForged is how often each form is written: more than makes a ban for any of them.
const timesForged = 8

// charge is a form, and whose ban by it would be right and wrong.
type charge struct {
	what                string
	innocent, attacker  netip.Addr
	honest, banned, hit bool
}

// innocentLog is the text of all forms of one of Asterisk's channels, NOTICE or SECURITY. A PBX
// that writes both reports each refusal twice, which these forms do not: so each is a log of
// its own.
func innocentLog(channel string) (text string, list []*charge) {
	var b strings.Builder
	now, count, next := time.Now(), 0, 100_000
	address := func() netip.Addr { next += 250; return madelog.Attacker(next) } // each in a network of its own
	write := func(form string, c *charge) {
		count++
		b.WriteString(strings.NewReplacer("{V}", c.innocent.String(), "{A}", c.attacker.String(), "{N}", fmt.Sprint(10_000+count),
			"{NOW}", now.Format(time.DateTime), "{TV}", now.UTC().Format("2006-01-02T15:04:05.000-0700")).Replace(form))
		b.WriteByte('\n')
	}
	for _, f := range forgedForms {
		if strings.Contains(f.text, " "+channel+"[") {
			c := &charge{what: f.what, innocent: address(), attacker: address()}
			list = append(list, c)
			for range timesForged {
				write(f.text, c)
			}
		}
	}
	for _, f := range honestForms {
		if channel == "SECURITY" {
			c := &charge{what: f.what, innocent: address(), honest: true}
			list = append(list, c)
			for _, line := range f.lines {
				write(line, c)
			}
		}
	}
	return b.String(), list
}

// innocent writes forged records and honest ones to each, and then a plain attack. When that
// is banned, all before it was judged.
func (o *peersBench) innocent(ctx context.Context) error {
	var which []string
	for _, channel := range []string{"NOTICE", "SECURITY"} {
		rivals, err := o.rivals(false)
		if err != nil {
			return err
		}
		var rows [][]string
		for _, r := range rivals {
			if _, no := r.(*crowdsecRival); no && channel == "NOTICE" {
				rows = append(rows, []string{r.name(), "reads none", "-", "none"})
				continue
			}
			text, list := innocentLog(channel)
			if err := o.judged(ctx, r, channel, text, list); err != nil {
				return fmt.Errorf("%s: %w", r.name(), err)
			}
			row, wrong := o.verdict(r, list)
			rows = append(rows, row)
			if len(wrong) > 0 {
				which = append(which, fmt.Sprintf("- %s, %s: %s", r.name(), channel, strings.Join(wrong, "; ")))
			}
		}
		o.markdown("Innocent addresses that are banned, "+channel+" lines", []string{"", "named in text that an attacker sent", "honest phones", "senders of that text banned"}, rows)
	}
	fmt.Fprintf(o.out, "\nInnocents are banned for:\n\n%s\n", strings.Join(which, "\n"))
	return nil
}

// verdict counts what was wrong and what was right.
func (o *peersBench) verdict(r rival, list []*charge) (row, wrong []string) {
	var forged, forms, locked, honest, hit int
	for _, c := range list {
		if c.banned {
			wrong = append(wrong, c.what)
		}
		switch {
		case c.honest:
			honest++
			locked += one(c.banned)
		default:
			forms++
			forged += one(c.banned)
			hit += one(c.hit)
		}
	}
	f, l := fmt.Sprintf("%d of %d", forged, forms), fmt.Sprintf("%d of %d", locked, honest)
	if _, ours := r.(*pbxjailRival); ours {
		f, l = o.required(f, forged == 0), o.required(l, locked == 0)
	}
	return []string{r.name(), f, l, fmt.Sprintf("%d of %d", hit, forms)}, wrong
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// judged writes the text to a rival, and notes which addresses it bans.
func (o *peersBench) judged(ctx context.Context, r rival, channel, text string, list []*charge) (err error) {
	leave, err := r.enter()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	if err := r.start(ctx); err != nil {
		return err
	}
	last := madelog.Attacker(99_000)
	for i := range 2 * r.lines() {
		if channel == "NOTICE" {
			text += noticeLine(last, i)
		} else {
			text += r.line(last, i)
		}
	}
	if err := appendTo(r.log(), text); err != nil {
		return err
	}
	if !until(ctx, time.Minute, func() bool { return r.members()[last] }) {
		return errors.New("it does not ban a plain attack that comes after the forged text")
	}
	// CrowdSec's alerts may be out of order, and its bouncer asks every ten seconds.
	more := 2 * time.Second
	if _, slow := r.(*crowdsecRival); slow {
		more = 12 * time.Second
	}
	until(ctx, more, func() bool { return false })
	banned := r.members()
	for _, c := range list {
		c.banned, c.hit = banned[c.innocent], !c.honest && banned[c.attacker]
	}
	return nil
}
