package doctor

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/show"
)

// OnAMI is the state of the manager interface in one line.
func OnAMI(a control.AMI, now time.Time) string {
	switch {
	case !a.Enabled:
		return "not used (jailctl help ami)"
	case a.Problem != "":
		return "NOT CONNECTED: " + a.Problem
	case a.Since == nil:
		return "not connected yet"
	}
	text := fmt.Sprintf("connected for %s, %s, %s registered, %s", show.Brief(now.Sub(*a.Since)), show.Count(int(a.Events), "security event"),
		show.Count(a.Registered, "phone"), show.Count(a.Trunks, "trunk"))
	if a.OwnFilter {
		return text + "; its events ban no address and count no call (an eventfilter in manager.conf lets forged ones pass)"
	}
	if !a.Guarded {
		text += "; its events ban no address and count no call (no write = system)"
	}
	return text
}

// Rights of the user in manager.conf, and what they are for.
const (
	amiRead  = "security,system,call,cdr"
	amiWrite = "system,call"
)

// managerUser is the section of manager.conf that pbxjail needs.
func managerUser(user, secret string) []string {
	return []string{"[" + user + "]", "secret = (the text of " + secret + ")", "deny = 0.0.0.0/0.0.0.0", "permit = 127.0.0.1/255.255.255.255", "read = " + amiRead, "write = " + amiWrite}
}

const managerReload = "asterisk -rx 'manager reload'"

// manager: does pbxjail hear Asterisk over its manager interface? It never reads the secret in
// manager.conf.
func manager(e *Env) (list []findings.Finding) {
	if e.Status == nil || !e.Status.AMI.Enabled || e.Main == nil {
		return nil
	}
	a := e.Status.AMI
	if !isLocal(a.Address) { // its files are on another machine
		return []findings.Finding{well("ami", "%s", OnAMI(a, e.Now))}
	}
	found := false
	for _, folder := range e.Folders {
		sections, _ := asterisk.Sections(folder, "manager.conf", "enabled", "port", "bindaddr", "read", "write", "eventfilter", "permit", "deny", "acl")
		if len(sections) == 0 {
			continue
		}
		found = true
		list = append(list, e.managerIn(folder, sections)...)
	}
	if !found {
		list = append(list, findings.Finding{
			About: "ami", Severity: findings.Broken, What: "pbxjail has no connection to Asterisk (AMI), and doctor cannot find out why: Asterisk has no manager.conf, or you may not read this file",
			Evidence: e.Folders, Hint: "give the command as root: sudo jailctl doctor. To see what manager.conf needs: jailctl help ami",
		})
		if a.Since != nil {
			list = nil
		}
	}
	if len(list) == 0 && a.Problem == "" {
		list = append(list, well("ami", "%s", OnAMI(a, e.Now)))
	}
	return list
}

// managerIn looks at the manager.conf of one folder.
func (e *Env) managerIn(folder string, sections []asterisk.Section) (list []findings.Finding) {
	file, a := folder+"/manager.conf", e.Status.AMI
	broken := func(s findings.Severity, what string, evidence []string, fix ...findings.Step) {
		list = append(list, findings.Finding{About: "ami", Severity: s, What: what, Evidence: evidence, Fix: append(fix, findings.Command(managerReload))})
	}
	if on, set := general(folder, "manager.conf", "enabled"); !set || !asterisk.IsTrue(on.Value) {
		evidence := []string{file + ": enabled is missing in [general], and off by default"}
		if set {
			evidence = []string{setLine(on)}
		}
		broken(findings.Broken, "the manager interface of Asterisk is switched off", evidence, findings.Write("below [general] in "+file, "enabled = yes", "bindaddr = 127.0.0.1"))
	}
	at := slices.IndexFunc(sections, func(s asterisk.Section) bool { return s.Name == a.User && !s.Template })
	if at < 0 {
		broken(findings.Broken, "manager.conf has no user "+a.User, []string{file}, findings.Write("at the end of "+file, managerUser(a.User, e.Main.AMI.SecretFile)...))
		return list
	}
	user := sections[at]
	for _, need := range []struct {
		key, class, what, line string
		severity               findings.Severity
	}{
		{"read", "security", "pbxjail gets no security events over AMI", "read = " + amiRead, findings.Blind},
		{"write", "system", "events over AMI ban no address, and no call is counted over AMI, because pbxjail may not have Asterisk leave out forged ones; and Asterisk does not say who is registered", "write = " + amiWrite, findings.Blind},
	} {
		set, found := user.Last(need.key)
		if found && hasRight(set.Value, need.class) {
			continue
		}
		evidence, place := []string{fmt.Sprintf("%s: [%s] has no %s", file, show.Flat(a.User, 60), need.key)}, "below ["+a.User+"] in "+file
		if found {
			evidence, place = []string{setLine(set)}, "in place of "+where(set.At)
		}
		broken(need.severity, need.what, evidence, findings.Write(place, need.line))
	}
	if set, found := letsPass(user); found {
		broken(findings.Blind, "an eventfilter of user "+a.User+" lets events pass that a caller may have forged, so events over AMI ban no address, and no call is counted over AMI",
			[]string{setLine(set)}, findings.Step{Where: "remove this line"})
	}
	if strings.Contains(a.Problem, "Authentication failed") {
		broken(findings.Broken, "the secret of user "+a.User+" in manager.conf is another one than in "+e.Main.AMI.SecretFile+", or permit and deny of the user leave 127.0.0.1 out",
			rules(user), findings.Write("below ["+a.User+"] in "+file, managerUser(a.User, e.Main.AMI.SecretFile)[1:4]...))
	}
	return list
}

// letsPass is the last eventfilter of a user that lets events pass. One that begins with ! only
// leaves events out.
func letsPass(user asterisk.Section) (last asterisk.Setting, found bool) {
	for _, s := range user.Settings {
		if strings.HasPrefix(s.Key, "eventfilter") && !strings.Contains(s.Key, "exclude") && !strings.HasPrefix(strings.TrimSpace(s.Value), "!") {
			last, found = s, true
		}
	}
	return last, found
}

// rules are the access rules of a user.
func rules(user asterisk.Section) (list []string) {
	for _, s := range user.Settings {
		if s.Key == "permit" || s.Key == "deny" || s.Key == "acl" {
			list = append(list, setLine(s))
		}
	}
	return list
}

// hasRight reports whether a list of classes has one: asterisk:main/manager.c, get_perm.
func hasRight(list, class string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(one string) bool {
		one = strings.TrimSpace(one)
		return one == class || one == "all"
	})
}

// isLocal reports whether an address with a port is on this machine.
func isLocal(address string) bool {
	host, _, err := net.SplitHostPort(address)
	a, no := netip.ParseAddr(cmp.Or(host, "?"))
	return err == nil && (host == "localhost" || no == nil && a.IsLoopback())
}
