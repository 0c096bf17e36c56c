package fail2ban

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"regexp/syntax"
	"strings"

	"pbxjail/configs/hint"
)

// Filter is what a filter says, put together for one jail.
type Filter struct {
	Name     string
	Patterns []Pattern
	Ignore   []string // ignoreregex, which pbxjail does not have
	Match    string   // journalmatch: what it reads in the journal
}

// Pattern is one failregex. Regex is ours, or empty with the reason in Why.
type Pattern struct {
	Theirs string
	Regex  string
	Why    string
}

// LoadFilter reads filter.d/NAME.conf and .local below dir, with the options of a jail.
func LoadFilter(dir string, j Jail) (Filter, error) {
	if j.Filter != filepath.Base(j.Filter) {
		return Filter{}, hint.Errorf("in jail.local, write filter = NAME for this jail: the name of a file in filter.d of fail2ban, without .conf", "filter %q is not the name of a file", j.Filter)
	}
	f := newFile()
	f.section("DEFAULT")
	for _, end := range []string{".conf", ".local"} {
		f.read = 0
		if err := f.load(filepath.Join(dir, "filter.d", j.Filter+end)); err != nil {
			return Filter{}, err
		}
	}
	if f.sections["Definition"] == nil {
		return Filter{}, hint.Errorf("put the file of this filter into filter.d of fail2ban, or correct filter = for this jail in jail.local; then run the command again", "filter %s does not exist, or has no section [Definition]", j.Filter)
	}
	var failed error
	value := func(name string) (string, bool) {
		if text, given := j.Options[name]; given {
			return text, true
		}
		for _, section := range []string{"Definition", "Init"} {
			text, found, err := f.value(section, name)
			failed = errors.Join(failed, err)
			if found {
				return text, true
			}
		}
		if section, key, foreign := strings.Cut(name, "/"); foreign {
			if text, found := f.inSection(section, key); found {
				f.spent = 0
				text, err := f.interpolate(section, text, 0)
				failed = errors.Join(failed, err)
				return text, true
			}
		}
		return "", false
	}
	whole := func(name string) string {
		text, _ := value(name)
		text, err := tags(text, value)
		failed = errors.Join(failed, err)
		return text
	}
	prefix := strings.TrimSpace(whole("prefregex"))
	out := Filter{Name: j.Filter, Match: whole("journalmatch")}
	for line := range strings.SplitSeq(whole("failregex"), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			p := Pattern{Theirs: line}
			p.Regex, p.Why = translate(prefix, line)
			out.Patterns = append(out.Patterns, p)
		}
	}
	for line := range strings.SplitSeq(whole("ignoreregex"), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			out.Ignore = append(out.Ignore, line)
		}
	}
	if failed != nil {
		return out, fmt.Errorf("filter %s: %w", j.Filter, failed)
	}
	if len(out.Patterns) == 0 {
		return out, hint.Errorf("write failregex = into the file of this filter in filter.d; or write another filter = for this jail into jail.local", "filter %s has no failregex", j.Filter)
	}
	return out, nil
}

// date is what fail2ban cuts out of a line before it looks at the rest: the date at
// the beginning, in the forms of syslog, ISO 8601, ctime(3), and in brackets.
const date = `(?:(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d(?:\.\d+)?(?: \d{4})?|\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d\S*|\[[^\]]{8,40}\])`

// ambit is how common.conf of fail2ban writes the brackets that a date may have left.
const ambit = `(?:\[\])?`

var (
	content  = regexp.MustCompile(`<F-CONTENT>.*</F-CONTENT>`)
	plainTag = regexp.MustCompile(`<(/?)F-(?:MLFID|ID|ALT_USER\d*|CONTENT|RHOST|PORT|ERROR)>`)
	ourTag   = regexp.MustCompile(`^</?(?:HOST|ADDR|F-USER)>$`)
	anyTag   = regexp.MustCompile(`</?[A-Z][A-Z0-9_-]*>`)
	either   = regexp.MustCompile(`\(\?:(?:\(\?:IPv6:\)\?|IPv6:)<(?:F-)?IP6>\|<(?:F-)?IP4>\)`)
	hosts    = regexp.MustCompile(`<(?:HOST|ADDR|IP4|IP6|DNS|CIDR|F-IP4|F-IP6|F-DNS)>|\(\?P<host>\\S\+\)`)
	named3   = regexp.MustCompile(`\(\?P<(?:host|ip4|ip6|dns)>`)
)

// untranslatable are constructs of Python's re without a counterpart in RE2, or of fail2ban
// without one in pbxjail.
var untranslatable = []struct{ mark, why string }{
	{"(?(", "it has a condition, (?(name)...), which pbxjail's patterns (RE2) do not have; write one pattern for each case"},
	{"(?=", "it has a lookahead, (?=...), which pbxjail's patterns (RE2) do not have; write that text as a part of the pattern"},
	{"(?!", "it has a lookahead, (?!...), which pbxjail's patterns (RE2) do not have; write what may be there, such as [^ ]+, in place of what must not"},
	{"(?<=", "it has a lookbehind, (?<=...), which pbxjail's patterns (RE2) do not have; write that text as a part of the pattern"},
	{"(?<!", "it has a lookbehind, (?<!...), which pbxjail's patterns (RE2) do not have; write what may be there, such as [^ ]+, in place of what must not"},
	{"(?P=", "it has a backreference, (?P=...), which pbxjail's patterns (RE2) do not have; write that text a second time"},
	{"<SKIPLINES>", "it matches several lines, but pbxjail reads one record at a time; write a pattern for the line that names the address"},
	{"<F-NOFAIL>", "<F-NOFAIL> marks a line that is no failure; you need not write this pattern"},
	{"<F-MLFFORGET>", "<F-MLFFORGET> marks a line that is no failure; you need not write this pattern"},
	{"<F-MLFGAINED>", "<F-MLFGAINED> marks a log-in that succeeds; you need not write this pattern"},
}

// translate makes our pattern of a failregex and the prefregex before it. why says what
// prevents it.
func translate(prefix, line string) (regex, why string) {
	if prefix != "" {
		if !content.MatchString(prefix) {
			return "", "its prefregex has no <F-CONTENT>; write the prefregex and the failregex as one pattern"
		}
		inner := strings.TrimSuffix(strings.TrimPrefix(line, "^"), "$")
		if !strings.HasPrefix(line, "^") {
			inner = ".*" + inner
		}
		if !strings.HasSuffix(line, "$") {
			inner += ".*"
		}
		line = content.ReplaceAllLiteralString(prefix, "(?:"+inner+")")
	}
	line = withoutLookahead(line)
	for _, u := range untranslatable {
		if strings.Contains(line, u.mark) {
			return "", u.why
		}
	}
	line = either.ReplaceAllLiteralString(line, "(?:IPv6:)?<ADDR>")
	switch n := len(hosts.FindAllString(line, -1)); {
	case n == 0:
		return "", "it has no <HOST>, which is the address; write a pattern for another line of the same failure"
	case n > 1:
		return "", "it names more than one address; keep <ADDR> where the program writes the true one, and write [^ ]+ for the other"
	case !strings.HasPrefix(line, "^"):
		return "", "it does not begin with ^, so an attacker could write all of it into a field, such as a user name; write ^ and the beginning of the line"
	}
	line = hosts.ReplaceAllLiteralString(line, "<ADDR>")
	line = grouped(line)
	for _, t := range anyTag.FindAllString(line, -1) {
		if !ourTag.MatchString(t) {
			return "", "it uses " + t + ", which pbxjail does not have; write what is there, such as \\S+"
		}
	}
	if named3.MatchString(line) {
		return "", "it has a group named host, ip4, ip6 or dns; write <ADDR> in its place"
	}
	line = "^" + dated(strings.TrimPrefix(line, "^"))
	if _, err := syntax.Parse(strings.NewReplacer("<ADDR>", "a", "<F-USER>", "(", "</F-USER>", ")").Replace(line), syntax.Perl); err != nil {
		return "", "it is not a valid pattern of pbxjail (RE2): " + err.Error() + "; write it in the syntax of RE2"
	}
	return line, ""
}

// grouped makes plain groups of the groups that only fail2ban has a use for.
func grouped(line string) string {
	return plainTag.ReplaceAllStringFunc(line, func(tag string) string {
		if strings.HasPrefix(tag, "</") {
			return ")"
		}
		return "(?:"
	})
}

// dated puts the date back: where its empty brackets stand, or else at the beginning.
func dated(body string) string {
	for _, brackets := range []string{ambit, `\[\]`} {
		if before, after, found := strings.Cut(body, brackets); found {
			return before + date + strings.ReplaceAll(after, `\[\]`, `\[[^\]]*\]`)
		}
	}
	return date + `?\s*` + body
}
