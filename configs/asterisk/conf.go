package asterisk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"pbxjail/configs/hint"
)

// section is the content under one [name].
type section struct {
	name     string
	template bool // "(!)": a template that others inherit from, no peer itself
	at       place
	settings []setting
}

// setting is one "key = value" line.
type setting struct {
	key, value string // key in lower case, unless the reader keeps all
	at         place
}

// kept are the keys that matter to Read. All others, passwords among them, are
// forgotten as they are read.
var kept = []string{
	"type", "host", "match", "contact", "server_uri", "outbound_proxy", "outboundproxy",
	"register", "remote_hosts", "permit", "deny",
	"external_signaling_address", "external_media_address", "externaddr", "externip", "externhost", "localnet", "local_net",
}

var (
	headerForm    = regexp.MustCompile(`^\[([^\]]*)\](?:\(([^)]*)\)|[^(]|$)`)
	directiveForm = regexp.MustCompile(`^(?i)#(include|tryinclude|exec)\s+["<]?([^">]+)`)
)

// file reads one file, which the line at includes.
func (r *reader) file(at place, path string, mayMiss bool) {
	switch {
	case slices.Contains(r.open, path):
		r.tell(at, "remove one of the #include lines", "%s includes itself, directly or through another file", quoted(path))
		return
	case len(r.open) == maxDepth:
		r.tell(at, "write this #include into a file that fewer files lead to: Asterisk does not read it here either", "%s is not read: #include is more than %d levels deep", quoted(path), maxDepth)
		return
	}
	text, err := slurp(path)
	switch {
	case !r.spend(costOfFile + len(text)), mayMiss && errors.Is(err, fs.ErrNotExist):
	case err != nil:
		if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
			err = pathErr.Err // the path may hold anything
		}
		r.tell(at, r.remedy(err), "pbxjail cannot read %s, %s: %w", quoted(path), r.lost, err)
	default:
		r.open = append(r.open, path)
		r.lines(path, text)
		r.open = r.open[:len(r.open)-1]
	}
}

// The reasons of slurp for a file that it does not read.
var (
	errNotRegular = errors.New("this is a folder, a device or a pipe, not a text file")
	errTooLarge   = fmt.Errorf("the file is larger than %d MiB", maxFile>>20)
	errNotText    = errors.New("the file is not a text file")
)

// lostAddresses is reader.lost of Read.
const lostAddresses = "so addresses in it can be banned"

// remedy is what to do about a file that cannot be read.
func (r *reader) remedy(err error) string {
	var file *fs.PathError
	do := "write the path of a text file into the #include line, or remove the line"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "correct the path, or remove the line"
	case errors.Is(err, fs.ErrPermission) && errors.As(err, &file):
		return hint.Readable(file.Path)
	case errors.Is(err, errTooLarge):
		do = "make several smaller files of this one"
	case !errors.Is(err, errNotRegular) && !errors.Is(err, errNotText):
		do = "check the disk (dmesg)"
	}
	if r.lost == lostAddresses {
		do += "; until then, write the addresses in it into ignoreip of the main file"
	}
	return do
}

// slurp reads a regular file. It looks before it opens, since opening alone does something to
// a device.
func slurp(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", errNotRegular
	}
	return readOpened(path, maxFile)
}

// readOpened reads a file of at most most bytes. Another file can be there since somebody looked:
// a pipe does not block it, and a device that has no end is not read. A file that says it is
// empty and is not belongs to the kernel, and may block: it has no text.
func readOpened(path string, most int64) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = errNotRegular
	case info.Size() > most:
		err = errTooLarge
	}
	if err != nil || info.Size() == 0 {
		return "", err
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return "", err
	case int64(len(data)) > most: // it grew
		return "", errTooLarge
	case slices.Contains(data, 0):
		return string(data), errNotText
	}
	return string(data), nil
}

// lines reads the text of a file as asterisk:main/config.c config_text_file_load
// does. An included file begins in the section that was last opened anywhere; a
// section that it opens ends with it.
func (r *reader) lines(path, text string) {
	section, at, depth := r.current, place{path: path}, 0
	for line := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
		if at.line++; len(line) > maxLine {
			r.tell(at, "shorten the line: Asterisk ignores it too", "the line is longer than %d bytes, and is ignored", maxLine)
			continue
		}
		line, depth = uncomment(line, depth)
		switch line = strip(line); {
		case line == "":
		case line[0] == '[':
			section = r.header(at, line)
		case line[0] == '#':
			r.directive(at, line)
		case section != nil:
			r.setting(section, at, line)
		}
	}
}

// uncomment takes the comments out of a line: ";" to its end, and ";-- --;", which
// nests and goes on over lines. depth is how many of those are open.
func uncomment(line string, depth int) (string, int) {
	var left []byte
	for i := 0; i < len(line); i++ {
		switch rest := line[i:]; {
		case strings.HasPrefix(rest, `\;`):
			if i++; depth == 0 {
				left = append(left, ';')
			}
		case strings.HasPrefix(rest, ";--") && !strings.HasPrefix(rest, ";---"):
			depth++
			i += 2
		case depth > 0 && strings.HasPrefix(rest, "--;"):
			depth--
			i += 2
		case depth == 0 && rest[0] == ';':
			return string(left), 0
		case depth == 0:
			left = append(left, rest[0])
		}
	}
	return string(left), depth
}

// strip is ast_strip: blanks and control bytes at the ends do not count.
func strip(text string) string {
	return strings.TrimFunc(text, func(r rune) bool { return r <= ' ' })
}

// header begins a section: "[name]", "[name](!)" a template, "[name](a,b)" with the
// settings of a and b, "[name](+)" going on with the first of that name. Where Asterisk
// refuses the file, that is reported and the rest is read: Asterisk keeps an older copy.
func (r *reader) header(at place, line string) *section {
	form := headerForm.FindStringSubmatch(line)
	if form == nil {
		r.tell(at, "write ] after the name; until then Asterisk refuses the file", "the name of a section has no closing bracket")
		return nil
	}
	s, name := &section{name: strings.Clone(form[1]), at: at}, strings.ToLower(form[1])
	r.current = s
	for option := range strings.SplitSeq(form[2], ",") {
		from, into, adds := r.first[strings.ToLower(option)], r.current, strings.HasPrefix(option, "+")
		if adds { // what it inherited so far goes along
			from, into = into, r.firstPlain[name]
		}
		switch {
		case option == "":
		case option == "!":
			into.template = true
		case from == nil || into == nil:
			r.tell(at, "correct the name in the parentheses; until then Asterisk refuses the file", "section %s inherits from a section that does not exist: %s", quoted(s.name), quoted(option))
		case r.spend(costOfEntry * len(from.settings)):
			into.settings = append(into.settings, from.settings...)
			r.current = into
		}
	}
	if r.current == s && r.spend(costOfEntry) {
		r.sections = append(r.sections, s)
		if r.first[name] == nil {
			r.first[name] = s
		}
		if r.firstPlain[name] == nil && !s.template {
			r.firstPlain[name] = s
		}
	}
	return r.current
}

func (r *reader) setting(s *section, at place, line string) {
	key, value, _ := strings.Cut(line, "=")
	// "match += x" is one more match: an address cannot be added in parts.
	key = strip(strings.TrimSuffix(key, "+"))
	if !r.all {
		key = strings.ToLower(key)
	}
	if (r.all || slices.Contains(r.kept, key)) && r.spend(costOfEntry) {
		value = strip(strings.TrimPrefix(value, ">"))
		s.settings = append(s.settings, setting{key, strings.Clone(value), at})
	}
}

// directive follows "#include" and "#tryinclude", relative to Asterisk's folder
// and not to the file that has the directive.
func (r *reader) directive(at place, line string) {
	form := directiveForm.FindStringSubmatch(line)
	if form == nil {
		return // Asterisk passes over it too
	}
	word, pattern := strings.ToLower(form[1]), form[2]
	if word == "exec" {
		r.tell(at, "if the program behind #exec prints addresses of peers, write these addresses into ignoreip of the main file", "pbxjail does not run #exec, so pbxjail does not know the settings that this program prints")
		return
	}
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(r.dir, pattern)
	}
	const wild = "*?["
	paths := []string{pattern}
	if strings.ContainsAny(filepath.Dir(filepath.Dir(pattern)), wild) {
		r.tell(at, "write the folders without * and ?: only the last two parts of the path may have them", "%s is not read, because the pattern could search the whole disk", quoted(pattern))
		return
	}
	if strings.ContainsAny(pattern, wild) && r.spend(costOfFile) {
		if paths, _ = filepath.Glob(pattern); len(paths) == 0 && word == "include" {
			r.tell(at, "correct the pattern, or remove the line", "no file matches %s", quoted(pattern))
		}
	}
	for _, path := range paths {
		r.file(at, path, word == "tryinclude")
	}
}
