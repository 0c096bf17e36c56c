package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestCommandsInDocs runs the commands of README.md, CONTRIBUTING.md and the help pages,
// each page beside a daemon of its own that observes. Folders of a PBX are replaced by
// folders of the test. Configuration that a page shows is checked as the daemon does. Of
// make only that the target exists is tested: make test runs this test.
func TestCommandsInDocs(t *testing.T) {
	top, dir := filepath.Join("..", "..", ".."), t.TempDir()
	pages, err := filepath.Glob(filepath.Join(top, "cmd", "jailctl", "help", "*.txt"))
	if err != nil || len(pages) < 10 {
		t.Fatalf("got %d help pages, error %v, want all of them", len(pages), err)
	}
	for _, p := range append(pages, filepath.Join(top, "README.md"), filepath.Join(top, "CONTRIBUTING.md")) {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(p), filepath.Ext(p))
		if err := os.WriteFile(filepath.Join(dir, name+".txtar"), []byte(scriptOf(t, name, string(text))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir:   dir,
		Setup: prepareDocs,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"pbxjail": scriptStart,
			"sigterm": scriptEnd(syscall.SIGTERM),
			"jailctl": scriptJailctl,
			"exits":   scriptExits,
		},
	})
}

// prepareDocs gives a script the packet trace and the fail2ban that pages name.
func prepareDocs(e *testscript.Env) error {
	fail2ban, err := filepath.Abs(filepath.Join("..", "..", "..", "configs", "fail2ban", "testdata", "etc"))
	if err != nil {
		return err
	}
	e.Setenv("FAIL2BAN", fail2ban)
	trace, err := os.ReadFile(filepath.Join("..", "..", "..", "parsers", "sensor", "testdata", "lab.pcap.gz"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(e.WorkDir, "trace.pcap"), trace, 0o644); err != nil {
		return err
	}
	return prepare(e)
}

// docFiles are the files that pages name, in the folders that docFolders puts in place.
const docFiles = `
-- log/full --
[2026-01-02 03:04:05] NOTICE[1638] chan_sip.c: Registration from '"301" <sip:301@pbx.example>' failed for '203.0.113.9:5071' - Wrong password
-- log/messages --
-- log/security --
-- etc/door.yaml --
logs: [/var/log/asterisk/full]
match: [{event: bad-password}]
-- ranges.txt --
203.0.113.0/24
`

// docFolders turns a command of a page into one of a script: its folders, the words that
// the reader fills in, and the quotes.
var docFolders = strings.NewReplacer(
	"/var/log/asterisk/", "log/", "full*", "full", "security*", "security", "/etc/pbxjail.d/", "etc/", "/etc/fail2ban", "$FAIL2BAN",
	"ADDRESS", "203.0.113.9", "TOPIC", "words", `"`, "'",
)

// instead are commands that a test cannot run as they are, and what it runs in their place.
func instead(command string) (line, why string) {
	command = elsewhere.ReplaceAllString(command, "jailctl ") // there is no other PBX: the verb runs here
	switch {
	case strings.HasPrefix(command, "jailctl tunnel"):
		return "jailctl help tunnel", "there is no other PBX"
	case command == "jailctl setup":
		return "jailctl setup --dry-run", "it would restart the service of this host"
	case command == "jailctl doctor":
		return "exits 1 jailctl doctor", "the daemon of the test observes, which doctor reports"
	case command == "jailctl doctor --probe" && os.Getenv("PBXJAIL_KERNEL") == "":
		return "jailctl help doctor", "it needs PBXJAIL_KERNEL=1"
	case command == "pbxjail --flush":
		return "exits 1 pbxjail --flush", "a daemon runs"
	case command == "pbxjail" || command == "pbxjail --observe":
		return "jailctl version", "the daemon of the test runs"
	case strings.HasPrefix(command, "jailctl audit"):
		return "jailctl help audit", "its exit status depends on the host"
	case strings.HasPrefix(command, "jailctl recordings expire"):
		return "exits 1 " + command, "no retention is set"
	case command == "jailctl recordings report --html > recordings.html":
		return "jailctl recordings report --html", "a script has no redirection"
	case strings.HasPrefix(command, "jailctl recordings hold"), strings.HasPrefix(command, "jailctl recordings released"):
		return "exits 1 " + command, "there is no such recording"
	case strings.HasPrefix(command, "jailctl wire") || command == "jailctl agents":
		return "exits 1 " + command, "the daemon of the test does not read packets"
	}
	return command, ""
}

// elsewhere is the beginning of a command for other PBXs.
var elsewhere = regexp.MustCompile(`^jailctl --hosts? \S+ (?:--(?:yes|sudo) |--(?:parallel|time-limit) \S+ )*`)

// scriptOf makes a script of a page: its commands, then a check of its configuration.
func scriptOf(t *testing.T, name, text string) string {
	t.Helper()
	var body, files strings.Builder
	body.WriteString("pbxjail\n")
	for _, c := range commandsIn(text) {
		switch program, args, _ := strings.Cut(c, " "); program {
		case "jailctl", "pbxjail":
			line, why := instead(c)
			fmt.Fprintf(&body, "# %s %s\n%s\n", c, why, docFolders.Replace(line))
		case "make":
			hasTarget(t, name, args)
		case "tcpdump":
			isFilter(t, name, c)
		default:
			t.Logf("%s: not run: %s", name, c) // a program of the host, such as apt
		}
	}
	for i, c := range configurationsIn(text) {
		main := fmt.Sprintf("config%d/main", i)
		fmt.Fprintf(&body, "# %s\njailctl check --config %s --asterisk none\n", c.path, main)
		if path.Dir(c.path) == "/etc/pbxjail.d" {
			fmt.Fprintf(&files, "-- %s --\njails: $WORK/config%d\n-- config%d/%s --\n%s", main, i, i, path.Base(c.path), c.text)
		} else {
			fmt.Fprintf(&files, "-- %s --\njails: $WORK/none\n%s", main, c.text)
		}
	}
	body.WriteString("sigterm\n")
	return body.String() + docFiles + files.String()
}

var (
	commandLine = regexp.MustCompile(`(?m)^(?: {4,}|\t)(?:\$ )?((?:jailctl|pbxjail|make|tcpdump|apt|dpkg|systemctl|asterisk) ?(?:[^ \n]+ ?)*)`)
	inlineCode  = regexp.MustCompile("`((?:jailctl|pbxjail|make) [^`]+)`")
)

// commandsIn are the commands of a page: indented lines that begin with a program, and code
// within a sentence. Two blanks end a command; what follows explains it.
func commandsIn(text string) (list []string) {
	for _, m := range commandLine.FindAllStringSubmatch(text, -1) {
		list = append(list, strings.Join(strings.Fields(m[1]), " "))
	}
	for _, m := range inlineCode.FindAllStringSubmatch(text, -1) {
		words := strings.Fields(m[1])
		if len(words) == 2 && words[0] == "jailctl" && words[1][0] != '-' {
			words = []string{"jailctl", "help", words[1]} // a sentence names the verb
		}
		list = append(list, strings.Join(words, " "))
	}
	return list
}

// configuration is a file that a page shows.
type configuration struct{ path, text string }

var shownFile = regexp.MustCompile(`(?m)^( *)# (/etc/pbxjail[\w./-]*\.yaml)[^\n]*\n((?:[^\n]*\S[^\n]*\n)+)`)

func configurationsIn(text string) (list []configuration) {
	for _, m := range shownFile.FindAllStringSubmatch(text, -1) {
		body, _, _ := strings.Cut(m[3], "```")
		var lines strings.Builder
		for line := range strings.Lines(body) {
			lines.WriteString(strings.TrimPrefix(line, m[1]))
		}
		list = append(list, configuration{m[2], lines.String()})
	}
	return list
}

func TestCommandsInText(t *testing.T) {
	const page = "Text\n    jailctl list        the bans\n    $ jailctl why 203.0.113.9\n\n  jailctl status\nsee `jailctl top --once`, `jailctl allow` and `list`\n" +
		"    make run     # all\n    # /etc/pbxjail.d/a.yaml\n    enabled: false\n\n```yaml\n# /etc/pbxjail/pbxjail.yaml\nobserve: true\n```\n"
	got := fmt.Sprintf("%q", commandsIn(page))
	if want := `["jailctl list" "jailctl why 203.0.113.9" "make run" "jailctl top --once" "jailctl help allow"]`; got != want {
		t.Errorf("got commands %s, want %s", got, want)
	}
	got = fmt.Sprintf("%q", configurationsIn(page))
	if want := `[{"/etc/pbxjail.d/a.yaml" "enabled: false\n"} {"/etc/pbxjail/pbxjail.yaml" "observe: true\n"}]`; got != want {
		t.Errorf("got configurations %s, want %s", got, want)
	}
}

// hasTarget looks for the targets of a make command in the Makefile.
func hasTarget(t *testing.T, page, args string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range strings.Fields(args) {
		if !strings.Contains(target, "=") && !regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(target)+`:`).Match(text) {
			t.Errorf("%s: make %s: there is no target %s", page, args, target)
		}
	}
}

// isFilter has tcpdump compile the filter of a command, where tcpdump is installed. It
// captures nothing.
func isFilter(t *testing.T, page, command string) {
	t.Helper()
	tcpdump, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Logf("%s: no tcpdump here, not run: %s", page, command)
		return
	}
	_, filter, _ := strings.Cut(command, "'")
	if out, err := exec.Command(tcpdump, "-y", "EN10MB", "-d", strings.TrimSuffix(filter, "'")).CombinedOutput(); err != nil {
		t.Errorf("%s: %s: %v\n%s", page, command, err, out)
	}
}
