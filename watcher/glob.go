package watcher

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// pattern is one of Options.Patterns.
type pattern struct {
	text    string
	glob    bool
	scanned bool   // files found from now on appeared under our eyes
	near    string // the folder watched for it
	problem error
}

func newPattern(text string) *pattern {
	return &pattern{text: filepath.Clean(text), glob: strings.ContainsAny(text, `*?[\`)}
}

// folder is the deepest folder of the pattern that is written out.
func (p *pattern) folder() string {
	dir := p.text
	for strings.ContainsAny(dir, `*?[\`) {
		dir = filepath.Dir(dir)
	}
	return dir
}

func (p *pattern) matches(path string) bool {
	if !p.glob {
		return path == p.text
	}
	ok, _ := filepath.Match(p.text, path)
	return ok
}

// complain tells of a problem of the pattern, or of its end, once.
func (p *pattern) complain(problem error, notify func(string, error)) {
	if !same(p.problem, problem) {
		p.problem = problem
		notify(p.text, problem)
	}
}

// expand returns the files a glob is meant to follow. What a rotation left
// behind matches `security*` as well, but is no log of its own: the follower of
// `security` reads it to its end, and a copy made by copytruncate would double
// every line. followed counts too: in a rotation `security` may be missing.
func (p *pattern) expand(followed func(path string) bool) ([]string, error) {
	found, err := filepath.Glob(p.text)
	if err != nil {
		return nil, problemPattern(p.text, err)
	}
	matches := map[string]bool{}
	for _, path := range found {
		matches[path] = true
	}
	return slices.DeleteFunc(found, func(path string) bool {
		dir, name := filepath.Split(path)
		return compressedName.MatchString(name) || slices.ContainsFunc(rotatedFrom(name), func(base string) bool {
			return matches[dir+base] || followed(dir+base)
		})
	}), nil
}

var (
	compressedName = regexp.MustCompile(`\.(gz|bz2|xz|zst|lz4|lzma|zip|Z)$`)
	// logrotate(8): .1, -20260102 and other dateformats, before `extension`;
	// asterisk:main/logger.c rotatestrategy: .0, .1, or a time in seconds.
	rotatedName = regexp.MustCompile(`^(.+?)[-._]+(?:\d{1,3}|\d{8,}(?:[-_.T:]?\d+)*|\d{4}-\d\d(?:-\d\d)?(?:[-_.T:]?\d+)*|old|bak|orig)(\.[A-Za-z][A-Za-z0-9]*)?$`)
)

// rotatedFrom lists what a file called name may have been called before it was
// rotated away.
func rotatedFrom(name string) []string {
	m := rotatedName.FindStringSubmatch(name)
	if m == nil {
		return nil
	}
	if m[2] == "" {
		return []string{m[1]}
	}
	return []string{m[1] + m[2], m[1]}
}
