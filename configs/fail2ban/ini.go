package fail2ban

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"pbxjail/configs/hint"
)

// Bounds of what is read. A fail2ban with all its filters is far below them.
const (
	maxFile     = 4 << 20
	maxIncludes = 32
	maxDepth    = 32      // of values inside values
	maxValue    = 1 << 20 // bytes of one value with all that it names put in
)

// file is what the sections of one or several files say; later ones win, as in fail2ban's
// SafeConfigParserWithIncludes.
type file struct {
	sections map[string]map[string]string // keys in lower case
	order    []string                     // the sections as they first came
	read     int                          // files
	spent    int                          // bytes that values of one look-up took
}

func newFile() *file {
	return &file{sections: map[string]map[string]string{}}
}

func (f *file) section(name string) map[string]string {
	s := f.sections[name]
	if s == nil {
		s = map[string]string{}
		f.sections[name] = s
		f.order = append(f.order, name)
	}
	return s
}

// load reads a file with what its [INCLUDES] names before and after it. One that is not
// there is nothing.
func (f *file) load(path string) error {
	if f.read++; f.read > maxIncludes {
		return hint.Errorf("look at the lines before = and after = in this file: remove the line that names a file which includes this file again", "nothing is imported: %s includes more than %d files (before =, after =), perhaps in a circle", path, maxIncludes)
	}
	text, err := readText(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", path, err)
	}
	own := newFile()
	own.parse(text)
	includes := own.sections["INCLUDES"]
	beside := func(names string) error {
		for name := range strings.FieldsSeq(names) {
			if !filepath.IsAbs(name) {
				name = filepath.Join(filepath.Dir(path), name)
			}
			if err := f.load(name); err != nil {
				return err
			}
		}
		return nil
	}
	if err := beside(includes["before"]); err != nil {
		return err
	}
	for _, name := range own.order {
		if name == "INCLUDES" {
			continue
		}
		into := f.section(name)
		for key, value := range own.sections[name] {
			if old, known := into[key]; known {
				into["known/"+key] = old // %(known/key)s is what the files before said
			}
			into[key] = value
		}
	}
	return beside(includes["after"])
}

func readText(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return "", errors.New("the file is not a text file, or is larger than 4 MiB")
	}
	text, err := os.ReadFile(path)
	return string(text), err
}

// parse reads the text as Python's configparser does with fail2ban's settings: a line that
// begins with a blank goes on with the value before; "#" and ";" at the beginning of a line
// and " ;" inside one begin a comment.
func (f *file) parse(text string) {
	var section map[string]string
	key := ""
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';' {
			continue
		}
		if at := strings.Index(line, " ;"); at >= 0 {
			line = strings.TrimRight(line[:at], " \t")
			trimmed = strings.TrimSpace(line)
		}
		goesOn := line != "" && (line[0] == ' ' || line[0] == '\t')
		switch {
		case goesOn && key != "":
			section[key] += "\n" + trimmed
		case trimmed != "" && trimmed[0] == '[' && strings.HasSuffix(trimmed, "]"):
			section, key = f.section(trimmed[1:len(trimmed)-1]), ""
		case section != nil:
			name, value, found := strings.Cut(line, "=")
			if colon := strings.IndexByte(line, ':'); colon >= 0 && (!found || colon < len(name)) {
				name, value, found = line[:colon], line[colon+1:], true
			}
			if !found {
				continue
			}
			key = strings.ToLower(strings.TrimSpace(name))
			section[key] = strings.TrimSpace(value)
		}
	}
}
