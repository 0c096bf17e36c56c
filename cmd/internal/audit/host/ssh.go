package host

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/findings"
	"pbxjail/cmd/internal/program"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// stranger is an address of the documentation (RFC 5737): sshd is asked what it does with
// root from there.
const stranger = "203.0.113.1"

// setting is a value of sshd, and where it comes from.
type setting struct {
	value string
	at    string // "FILE:LINE: what is there"; "": the default, or sshd itself says so
}

// policy is what sshd does with root from a strange address: sshd_config(5).
type policy map[string]setting

// rootLogin asks sshd for what it really does; where it may not, it reads sshd's files.
func rootLogin(m *audit.Machine) []findings.Finding {
	if _, err := m.Stat("/etc/ssh/sshd_config"); errors.Is(err, fs.ErrNotExist) {
		if _, err := program.Find("sshd"); err != nil || !m.IsThis() {
			return []findings.Finding{audit.Absent("ssh", "sshd is not installed, so nothing is to be looked at")}
		}
	}
	p, source, err := effective(m)
	if err != nil {
		return []findings.Finding{m.Unseen("ssh", "whether root can log in with a password", err)}
	}
	return []findings.Finding{judge(m, p, source)}
}

// effective are the settings of sshd, and by what they are known.
func effective(m *audit.Machine) (p policy, source string, err error) {
	c := program.Command{Name: "sshd", Args: []string{"-T", "-C", "user=root,host=" + stranger + ",addr=" + stranger + ",laddr=127.0.0.1,lport=22"}}
	r, err := m.Do(m.Context(), c)
	if err == nil && r.Status == 0 {
		return parseEffective(string(r.Out)), "sshd -T", nil
	}
	p, err = readFiles(m)
	return p, "/etc/ssh/sshd_config", err
}

// parseEffective reads what "sshd -T" prints: one setting a line, keys in lower case.
func parseEffective(text string) policy {
	p := policy{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		key = strings.ToLower(key)
		if newer := aliases[key]; newer != "" {
			key = newer
		}
		if before, many := p[key]; many { // such as allowusers
			value = before.value + " " + value
		}
		p[key] = setting{value: value}
	}
	return p
}

// is reports whether a setting has one of these values.
func (p policy) is(key string, values ...string) bool {
	return slices.Contains(values, strings.ToLower(p[key].value))
}

// passwords are the ways to log in with a password that are on.
func (p policy) passwords() (ways []string) {
	if p.is("passwordauthentication", "yes") {
		ways = append(ways, "passwordauthentication")
	}
	if p.is("kbdinteractiveauthentication", "yes") && p.is("usepam", "yes") {
		ways = append(ways, "kbdinteractiveauthentication")
	}
	return ways
}

// needsKey reports whether each way in needs a key beside a password.
func (p policy) needsKey() bool {
	methods := strings.Fields(strings.ToLower(p["authenticationmethods"].value))
	return len(methods) > 0 && !slices.ContainsFunc(methods, func(one string) bool { return !strings.Contains(one, "publickey") })
}

// barsRoot reports whether the lists of users keep root out from anywhere.
func (p policy) barsRoot() bool {
	users := func(key string) []string { return strings.Fields(p[key].value) }
	if slices.ContainsFunc(users("denyusers"), func(u string) bool { return u == "root" }) {
		return true
	}
	allowed := users("allowusers")
	return len(allowed) > 0 && !slices.ContainsFunc(allowed, func(u string) bool {
		name, _, _ := strings.Cut(u, "@")
		return matches(name, "root")
	})
}

// open reports whether the settings alone let root in with a password, or may.
func (p policy) open() bool {
	return p.is("permitrootlogin", "yes", "") && len(p.passwords()) > 0 && !p.needsKey() && !p.barsRoot()
}

// judge says what the settings mean.
func judge(m *audit.Machine, p policy, source string) findings.Finding {
	ok := func(why string) findings.Finding {
		return audit.OK("ssh", "root cannot log in over ssh with a password: %s (%s)", why, source)
	}
	permit := p["permitrootlogin"]
	switch {
	case permit.value == "":
		return m.Unseen("ssh", "whether root can log in with a password", hint.New(
			audit.AsRoot("run jailctl audit as root, which can ask sshd; or ", "see what sshd does: sshd -T | grep -i permitrootlogin; or ")+"write into /etc/ssh/sshd_config: PermitRootLogin prohibit-password",
			"PermitRootLogin is in no file of sshd, and its default depends on the version"))
	case !p.is("permitrootlogin", "yes"):
		return ok("PermitRootLogin is " + show.Word(permit.value, 40))
	case len(p.passwords()) == 0:
		return ok("passwords are switched off")
	case p.needsKey():
		return ok("a key is needed too (AuthenticationMethods)")
	case p.barsRoot():
		return ok("AllowUsers or DenyUsers keeps root out")
	case rootHasNoPassword(m):
		return ok("root has no password")
	}
	f := findings.Finding{
		About: "ssh", Severity: findings.Risky,
		What: "root can log in over ssh with a password, from every address that reaches the port: an attacker who guesses the password has the whole machine",
		Hint: "first make sure that you can log in with a key: ssh-copy-id root@THIS_MACHINE. Keep one session open until the new log-in works",
	}
	for _, key := range append([]string{"permitrootlogin"}, p.passwords()...) {
		at := p[key].at
		if at == "" {
			at = fmt.Sprintf("%s: %s %s", source, key, show.Word(p[key].value, 40))
		}
		f.Evidence = append(f.Evidence, at)
	}
	f.Fix = repair(m)
	return f
}

// repair are the lines that keep passwords of root out. The first value counts in sshd's
// files, so a line goes before all others.
func repair(m *audit.Machine) []findings.Step {
	const line = "PermitRootLogin prohibit-password"
	write := findings.Write("as the first line of /etc/ssh/sshd_config", line)
	lines, _ := readLines(m, "/etc/ssh/sshd_config", 0)
	for _, l := range lines {
		if l.key == "include" && strings.Contains(l.value, "sshd_config.d/") {
			write = findings.Write("into a new file /etc/ssh/sshd_config.d/00-root.conf", line)
			break
		}
		if l.key == "permitrootlogin" && l.file == "/etc/ssh/sshd_config" {
			write = findings.Write(fmt.Sprintf("in place of %s:%d", l.file, l.at), line)
		}
	}
	name := "sshd"
	if m.System().Is("debian", "ubuntu") {
		name = "ssh"
	}
	return []findings.Step{write, findings.Command("sshd -t && systemctl reload " + name), findings.Command("jailctl audit --only host")}
}

// rootHasNoPassword reports whether the password of root is locked: shadow(5). Where the file
// may not be read, it is not known.
func rootHasNoPassword(m *audit.Machine) bool {
	text, err := m.Read("/etc/shadow", 1<<20)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		field := strings.Split(line, ":")
		if field[0] == "root" && len(field) > 1 {
			return strings.HasPrefix(field[1], "!") || strings.HasPrefix(field[1], "*")
		}
	}
	return false
}
