package freepbx

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/php"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/show"
)

// trace is one file that an attacker leaves, or that looks like one.
type trace struct {
	severity findings.Severity
	what     string
	evidence string
}

// files searches the folders of the web server and those where attackers leave files.
func files(m *audit.Machine) []findings.Finding {
	b, other := look(m)
	if other != nil {
		return nil // the first check says it
	}
	known, roots := knownSigns(), b.roots
	unseen := b.unseenRoots("whether the web server shows files that an attacker leaves")
	w := &walker{m: m}
	s := &search{w: w, known: known}
	s.paths(roots)
	for _, root := range roots {
		w.walk(root, mostDepth, s.file)
	}
	for _, folder := range known.Folders {
		if !slices.ContainsFunc(roots, func(root string) bool { return folder == root || strings.HasPrefix(folder, root+"/") }) {
			w.walk(folder, 1, s.name)
		}
	}
	list := append(s.findings(), unseen...)
	if w.failed != nil {
		f := m.Unseen("files", fmt.Sprintf("whether %s have traces of an attacker", show.Count(len(w.unread), "file or folder")), w.failed)
		f.Evidence = w.unread
		list = append(list, f)
	}
	if len(list) == 0 && s.programs == 0 {
		list = append(list, findings.Finding{About: "files", Severity: findings.Unknown, What: "cannot tell whether there are web shells: the folders of the web server have no file of PHP", Evidence: roots, Hint: "write the folder of the web interface as AMPWEBROOT into /etc/amportal.conf"})
	}
	if s.programs > 0 && !slices.ContainsFunc(s.traces, func(t trace) bool { return t.severity > findings.Note }) {
		list = append(list, findings.Finding{
			About: "files", What: fmt.Sprintf("%s of PHP, and the names of %s: none looks like one that an attacker leaves (known on %s)", show.Count(s.programs, "file"), show.Count(w.entries, "file"), known.Date),
			Evidence: append(slices.Clone(roots), known.Folders...),
		})
	}
	return list
}

// search is one search.
type search struct {
	w        *walker
	known    signs
	programs int // files of PHP that were read
	seen     map[string]bool
	traces   []trace
}

// mostTraces bounds what is kept: an attacker can leave very many.
const mostTraces = 1000

func (s *search) found(severity findings.Severity, what, evidence string) {
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	if key := what + evidence; !s.seen[key] && len(s.traces) < mostTraces {
		s.seen[key] = true
		s.traces = append(s.traces, trace{severity, what, evidence})
	}
}

// What is said of traces, each with all its files.
const (
	sureFile    = "somebody broke in: there are files that only attackers leave"
	maybeFile   = "there are files with names that attackers use. FreePBX has no such files"
	sureWrite   = "there are pages that store what a browser sends in any file: anybody who finds the page can store a web shell and run commands on this machine"
	maybeWrite  = "there are pages through which a browser can write files. An editor of files does so, and a page of an attacker too"
	moduleWrite = "modules of the web interface can write files that a browser names, as an editor of files does; they check which file it is"
	joinsPHP    = "there are pages that put what a browser sends into PHP that they run. Who can open such a page can perhaps run commands"
	sureShell   = "there are web shells: anybody who finds the page can run commands on this machine"
	maybeShell  = "there are pages that hide what they run, as web shells do"
	markFile    = "somebody broke in: there are pages with the mark of a known web shell"
	rewrites    = "somebody broke in: .htaccess sends every request to one page, as a known web shell does"
	asProgram   = "the web server runs files as PHP that do not look like PHP, because an .htaccess says so"
)

// paths looks at files with known paths.
func (s *search) paths(roots []string) {
	for _, one := range s.known.Files {
		s.path(one.Path, one.Sure)
	}
	for _, root := range roots {
		for _, one := range s.known.Web {
			s.path(path.Join(root, one.Path), one.Sure)
		}
	}
}

func (s *search) path(name string, sure bool) {
	info, err := s.w.m.Stat(name)
	switch {
	case missing(err):
	case err != nil:
		s.w.miss(name, err)
	case sure:
		s.found(findings.Broken, sureFile, s.dated(name, info))
	default:
		s.found(findings.Risky, maybeFile, s.dated(name, info))
	}
}

// dated is a file with its date and owner, which say when it was left.
func (s *search) dated(name string, info fs.FileInfo) string {
	return fmt.Sprintf("%s: of %s, owner %s", named(name), show.Date(info.ModTime()), ownerOf(s.w.m, info))
}

// name looks at the name of a file alone.
func (s *search) name(name string, entry fs.DirEntry) {
	one, found := s.known.named(entry.Name())
	if !found {
		return
	}
	evidence := named(name)
	if info, err := entry.Info(); err == nil {
		evidence = s.dated(name, info)
	}
	if one.Sure {
		s.found(findings.Broken, sureFile, evidence)
	} else {
		s.found(findings.Risky, maybeFile, evidence)
	}
}

// programName knows files that a web server runs as PHP, and those that such files include.
var programName = regexp.MustCompile(`(?i)\.(?:php[0-9]?|phtml|pht|phar|inc)$`)

// file looks at a file below a folder of the web server.
func (s *search) file(name string, entry fs.DirEntry) {
	s.name(name, entry)
	switch {
	case entry.Name() == ".htaccess":
		if text, ok := s.w.read(name, mostConf); ok {
			s.htaccess(name, string(text))
		}
	case programName.MatchString(entry.Name()):
		if text, ok := s.w.read(name, mostPHP); ok {
			s.programs++
			s.program(name, text)
		}
	}
}

// program looks at a file of PHP.
func (s *search) program(name string, text []byte) {
	for _, mark := range s.known.Marks {
		if bytes.Contains(text, []byte(mark)) {
			s.found(findings.Broken, markFile, named(name)+": "+mark)
		}
	}
	sights, whole := php.Shells(string(text))
	for _, one := range sights {
		severity, what := s.judgeSight(name, text, one)
		s.found(severity, what, fmt.Sprintf("%s:%d: %s", named(name), one.Line, one.What))
	}
	if !whole {
		s.w.miss(name, audit.ErrTooLarge)
	}
}

// judgeSight says what a sight in a file means.
func (s *search) judgeSight(name string, text []byte, one php.Sight) (findings.Severity, string) {
	switch {
	case one.Kind == php.Writes && s.classOfModule(name, text):
		if one.Sure {
			return findings.Risky, maybeWrite
		}
		return findings.Note, moduleWrite
	case one.Kind == php.Writes && one.Sure:
		return findings.Broken, sureWrite
	case one.Kind == php.Writes:
		return findings.Risky, maybeWrite
	case one.Kind == php.Joins:
		return findings.Risky, joinsPHP
	case one.Sure:
		return findings.Broken, sureShell
	}
	return findings.Risky, maybeShell
}

var (
	moduleFolder = regexp.MustCompile(`^(.*/admin/modules/[^/]+)/`)
	className    = regexp.MustCompile(`(?m)^\s*(?:final\s+|abstract\s+)*class\s+\w+`)
)

// classOfModule reports whether a file is a class of a module of the web interface. Only the
// web interface, after its log-in, runs such a file: opened by its address, the file does
// nothing.
func (s *search) classOfModule(name string, text []byte) bool {
	form := moduleFolder.FindStringSubmatch(name)
	if form == nil || !strings.HasSuffix(strings.ToLower(name), ".class.php") || !className.Match(text) {
		return false
	}
	_, err := s.w.m.Stat(form[1] + "/module.xml")
	return err == nil
}

var (
	rewriteForm = regexp.MustCompile(`(?i)^\s*RewriteRule\s+\.\*\s+config\.php\s*$`)
	handlerForm = regexp.MustCompile(`(?i)^\s*(?:AddType|AddHandler)\s+\S*php\S*\s+(.+)$`)
)

// htaccess looks at the rules of a folder.
func (s *search) htaccess(name, text string) {
	at := 0
	for line := range strings.Lines(text) {
		at++
		line = strings.TrimRight(line, "\r\n")
		if rewriteForm.MatchString(line) {
			s.found(findings.Broken, rewrites, fmt.Sprintf("%s:%d: %s", named(name), at, show.Flat(strings.TrimSpace(line), 80)))
		}
		if form := handlerForm.FindStringSubmatch(line); form != nil {
			for ending := range strings.FieldsSeq(form[1]) {
				if !programName.MatchString("x." + strings.TrimPrefix(ending, ".")) {
					s.found(findings.Risky, asProgram, fmt.Sprintf("%s:%d: %s", named(name), at, show.Flat(strings.TrimSpace(line), 80)))
				}
			}
		}
	}
}

// findings are the traces, those of one kind together.
func (s *search) findings() (list []findings.Finding) {
	for _, t := range s.traces {
		i := slices.IndexFunc(list, func(f findings.Finding) bool { return f.What == t.what && f.Severity == t.severity })
		if i < 0 {
			i = len(list)
			f := findings.Finding{About: "files", Severity: t.severity, What: t.what, References: s.known.Sources, Hint: afterBreakIn}
			if t.severity == findings.Risky {
				f.Hint = "look at these files. If you do not know who made one of them, somebody broke in: then take the machine off the network and restore a backup that is older"
			}
			if t.severity == findings.Note {
				f.Hint, f.References = "who can log in to the web interface can use them: let no one but you open it (firewall)", nil
			}
			list = append(list, f)
		}
		list[i].Evidence = append(list[i].Evidence, t.evidence)
	}
	return list
}
