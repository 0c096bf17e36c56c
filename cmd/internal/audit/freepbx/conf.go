package freepbx

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/php"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/show"
)

// ampSetting is a setting of a file of FreePBX: "KEY=value" in amportal.conf, and
// $amp_conf['KEY'] = 'value' in the others; "" where there is none. The value can be a
// password: it must not be shown.
func ampSetting(m *audit.Machine, file, key string) string {
	text, err := m.Read(file, mostConf)
	if err != nil {
		return ""
	}
	if strings.HasSuffix(file, "amportal.conf") {
		value := ""
		for line := range strings.Lines(string(text)) {
			name, rest, _ := strings.Cut(strings.TrimSpace(line), "=")
			if strings.TrimSpace(name) == key {
				value = strings.Trim(strings.TrimSpace(rest), `"'`)
			}
		}
		return value
	}
	tokens, _ := php.Tokens(string(text))
	value := ""
	for i := range len(tokens) - 5 {
		if tokens[i].Is(php.Variable, "$amp_conf") && tokens[i+2].Is(php.Text, key) && tokens[i+4].Is(php.Sign, "=") && tokens[i+5].Kind == php.Text {
			value = unescaped.Replace(tokens[i+5].Text)
		}
	}
	return value
}

// unescaped takes the backslashes of a text of PHP away.
var unescaped = strings.NewReplacer(`\\`, `\`, `\'`, `'`, `\"`, `"`, `\$`, `$`)

// setValue is a setting of FreePBX, or why it is not known.
type setValue struct {
	known     bool
	text, why string
}

// setting is a setting of FreePBX: of its files, or else of its database.
func setting(m *audit.Machine, key string) setValue {
	for _, file := range confFiles {
		if text := ampSetting(m, file, key); text != "" {
			return setValue{known: true, text: text}
		}
	}
	rows, err := ask(m, `SELECT value FROM freepbx_settings WHERE keyword='`+key+`'`)
	switch {
	case err != nil:
		return setValue{why: err.Error()}
	case len(rows) == 0 || len(rows[0]) == 0:
		return setValue{why: "the database has no such setting"}
	}
	return setValue{known: true, text: rows[0][0]}
}

// bootstrap looks at freepbx.conf, which every page of FreePBX runs: an attacker who changes
// it runs with every page.
func bootstrap(m *audit.Machine) (list []findings.Finding) {
	b, other := look(m)
	if other != nil {
		return nil // the first check says it
	}
	looked := 0
	for _, name := range []string{"/etc/freepbx.conf", "/etc/issabelpbx.conf"} {
		info, err := m.Stat(name)
		if missing(err) {
			continue
		}
		var text []byte
		if err == nil {
			text, err = m.Read(name, mostConf)
		}
		looked++
		if err != nil {
			list = append(list, m.Unseen("freepbx.conf", "whether somebody changed "+name, err))
			continue
		}
		list = append(list, confOf(m, name, string(text), info)...)
	}
	if looked > 0 {
		return list
	}
	for _, root := range b.roots {
		if _, err := m.Stat(root + "/admin/bootstrap.php"); err == nil {
			return []findings.Finding{{
				About: "freepbx.conf", Severity: findings.Risky, What: "FreePBX is installed, but /etc/freepbx.conf is missing. An attack of August 2025 deleted this file (CVE-2025-57819)",
				Evidence: []string{named(root + "/admin/bootstrap.php")}, References: []string{"CVE-2025-57819", knownSigns().Sources[0]},
				Hint: "if you did not delete the file: look for other signs of a break-in, and restore the machine from a backup that is older than it",
			}}
		}
	}
	return []findings.Finding{audit.Absent("freepbx.conf", "this machine has no freepbx.conf; old versions have none")}
}

// confOf looks at one freepbx.conf.
func confOf(m *audit.Machine, name, text string, info fs.FileInfo) (list []findings.Finding) {
	tokens, whole := php.Tokens(text)
	sights, read := php.Shells(text)
	odd := oddLines(tokens)
	evidence := []string{fmt.Sprintf("%s: last changed on %s, owner %s, mode %04o", name, show.Date(info.ModTime()), ownerOf(m, info), info.Mode().Perm())}
	switch {
	case len(sights) > 0:
		for _, one := range sights {
			evidence = append(evidence, fmt.Sprintf("%s:%d: %s", name, one.Line, one.What))
		}
		list = append(list, findings.Finding{
			About: "freepbx.conf", Severity: findings.Broken, What: "somebody broke in: " + name + " has code of an attacker, and every page of FreePBX runs it",
			Evidence: evidence, References: knownSigns().Sources[:1], Hint: afterBreakIn,
		})
	case !whole || !read || len(odd) > 0:
		for _, line := range odd {
			evidence = append(evidence, fmt.Sprintf("%s:%d", name, line))
		}
		list = append(list, findings.Finding{
			About: "freepbx.conf", Severity: findings.Risky, What: name + " has code that FreePBX does not write there, and every page of FreePBX runs it",
			Evidence: evidence, References: knownSigns().Sources[:1],
			Hint: "look at these lines. FreePBX writes settings of $amp_conf and one require_once there. If you did not write the rest, somebody broke in",
		})
	default:
		list = append(list, findings.Finding{About: "freepbx.conf", What: name + " has only settings, as FreePBX writes it", Evidence: evidence})
	}
	if info.Mode().Perm()&0o007 != 0 {
		list = append(list, findings.Finding{
			About: "freepbx.conf", Severity: findings.Risky, What: "every user of this machine can read the password of the database in " + name,
			Evidence: evidence[:1], Fix: closed(m, name, info),
			Hint: "the web interface stops when its user cannot read this file. That user is asterisk; if the web server runs as another one (ps -o user= -C httpd,apache2), write its name in place of asterisk. Open the web interface afterwards",
		})
	}
	return list
}

// closed are the commands that let only the user of the web server read a file.
func closed(m *audit.Machine, name string, info fs.FileInfo) (steps []findings.Step) {
	if ownerOf(m, info) != "asterisk" {
		steps = append(steps, findings.Command("chown asterisk:asterisk "+name))
	}
	return append(steps, findings.Command("chmod o= "+name))
}

// settingsOf are the variables that FreePBX sets in its file.
var settingsOf = []string{"$amp_conf", "$bootstrap_settings", "$restrict_mods"}

// oddLines are the lines of statements that are neither a setting nor the inclusion of
// bootstrap.php.
func oddLines(tokens []php.Token) (lines []int) {
	for len(tokens) > 0 {
		end := slices.IndexFunc(tokens, func(t php.Token) bool { return t.Is(php.Sign, ";") })
		if end < 0 {
			end = len(tokens)
		}
		statement := tokens[:end]
		tokens = tokens[min(end+1, len(tokens)):]
		if len(statement) > 0 && !plainStatement(statement) {
			lines = append(lines, statement[0].Line)
		}
	}
	return lines
}

func plainStatement(list []php.Token) bool {
	first := list[0]
	calls := slices.ContainsFunc(list, func(t php.Token) bool { return t.Kind == php.Shell || t.Is(php.Sign, "{") })
	for i, t := range list[1:] {
		calls = calls || t.Is(php.Sign, "(") && list[i].Kind != php.Sign && !strings.HasPrefix(list[i].Text, "require") && !strings.HasPrefix(list[i].Text, "include") && list[i].Text != "dirname"
	}
	switch {
	case calls:
		return false
	case first.Is(php.Word, "global"), first.Is(php.Word, "return"):
		return true
	case first.Is(php.Word, "require_once"), first.Is(php.Word, "require"), first.Is(php.Word, "include"), first.Is(php.Word, "include_once"):
		return slices.ContainsFunc(list, func(t php.Token) bool {
			return t.Kind == php.Text && strings.HasSuffix(t.Text, "/bootstrap.php")
		})
	}
	return first.Kind == php.Variable && slices.Contains(settingsOf, first.Text)
}

// afterBreakIn is what to do when there is no doubt.
const afterBreakIn = "take this machine off the network; do not only delete the files: attackers leave several ways back. Install it again, restore a backup that is older than the break-in, then change all passwords and SIP secrets"

// ownerOf is the owner of a file for people, by the accounts of the machine.
func ownerOf(m *audit.Machine, info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "unknown"
	}
	number := strconv.FormatUint(uint64(stat.Uid), 10)
	text, _ := m.Read("/etc/passwd", mostConf)
	for line := range strings.Lines(string(text)) {
		if field := strings.Split(line, ":"); len(field) > 2 && field[2] == number {
			return show.Word(field[0], 40)
		}
	}
	return number
}
