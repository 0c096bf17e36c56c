// Package logs finds the logs of Asterisk by Asterisk's own files, and finds what is wrong
// with the followed logs: one that is not understood, one that is silent, one that is
// missing. The daemon and jailctl replay call it. It must never open a log, and never
// decide what a line means.
package logs

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"pbxjail/configs"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// Bounds of what is found. One PBX has one folder and three logs.
const (
	maxFolders = 8
	maxLogs    = 64
)

// Found is what the Asterisks of this host log. The zero value is nothing.
type Found struct {
	Asterisks []asterisk.Logging
	Problems  []error // what could not be read, each with a hint
}

// Find reads asterisk.conf and logger.conf in each of the folders. hostname is that of
// this machine.
func Find(folders []string, hostname string) (f Found) {
	var seen []string
	for _, folder := range folders {
		real := realPath(folder)
		if slices.Contains(seen, real) {
			continue
		}
		if len(seen) == maxFolders {
			f.Problems = append(f.Problems, hint.Errorf("write the paths of all logs of Asterisk into the main file: logs: [PATH, PATH]; then: jailctl reload", "more than %d copies of Asterisk run on this machine, and pbxjail reads the configuration of the first %d only", maxFolders, maxFolders))
			break
		}
		seen = append(seen, real)
		l, problems := asterisk.Logs(folder, hostname)
		for _, p := range problems {
			f.Problems = append(f.Problems, hint.Add(hint.Of(p), fmt.Errorf("logs of Asterisk: %w", p)))
		}
		f.Asterisks = append(f.Asterisks, usualNames(l))
	}
	return f
}

// usualNames calls the logs as the shipped jails do, where astlogdir is the usual folder
// under another name: one file under two names would be followed twice.
func usualNames(l asterisk.Logging) asterisk.Logging {
	if l.Dir == asterisk.DefaultLogDir || realPath(l.Dir) != realPath(asterisk.DefaultLogDir) {
		return l
	}
	for i, c := range l.Channels {
		if rest, ok := strings.CutPrefix(c.Path, l.Dir+"/"); ok {
			l.Channels[i].Path = asterisk.DefaultLogDir + "/" + rest
		}
	}
	l.Dir = asterisk.DefaultLogDir
	return l
}

func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return filepath.Clean(path)
}

// Same reports whether both say the same.
func (f Found) Same(other Found) bool { return reflect.DeepEqual(f.Asterisks, other.Asterisks) }

// AddTo adds to a jail the logs that Asterisk writes, unless somebody has named logs for
// the jail: the usual names in each astlogdir, and what logger.conf names. A jail that
// reads a log of the dialplan alone (sipsec) takes the names alone.
func (f Found) AddTo(j *configs.Jail) {
	if len(f.Asterisks) == 0 || j.ReadsOthers() || !j.HasUsualLogs() { // the last one reads a file again
		return
	}
	names := j.Logs
	list := slices.Clone(names)
	add := func(path string) {
		if path = literal(path); len(list) < maxLogs && !slices.Contains(list, path) {
			list = append(list, path)
		}
	}
	for _, a := range f.Asterisks {
		for _, c := range a.Channels {
			if c.Path != "" && wants(names, c) {
				add(c.Path)
			}
		}
	}
	for _, a := range f.Asterisks {
		for _, name := range names {
			add(filepath.Join(a.Dir, filepath.Base(name)))
		}
	}
	j.Logs = list
}

// wants reports whether a jail with these usual names wants what a channel is written.
func wants(names []string, c asterisk.Channel) bool {
	levels := []string{asterisk.LevelSecurity}
	if slices.Contains(names, asterisk.DefaultLogDir+"/messages") {
		levels = matter
	} else if !slices.Contains(names, asterisk.DefaultLogDir+"/security") {
		return false
	}
	return slices.ContainsFunc(levels, c.Has)
}

// matter are the levels that hold something for a jail.
var matter = []string{asterisk.LevelSecurity, asterisk.LevelNotice, asterisk.LevelWarning, asterisk.LevelError, asterisk.LevelVerbose}

// literal is a path as a pattern that matches it alone: filepath.Match.
func literal(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// Text says in one line what was found, for the log of the daemon.
func (f Found) Text() string {
	var parts []string
	for _, a := range f.Asterisks {
		if !a.Known {
			parts = append(parts, show.Word(a.File, 200)+" is not there: the usual names in "+show.Word(a.Dir, 200))
			continue
		}
		var paths []string
		for _, c := range a.Channels {
			if c.Path != "" {
				paths = append(paths, show.Word(c.Path, 200)+" ("+show.Word(strings.Join(c.Levels, ","), 200)+")")
			}
		}
		if len(paths) == 0 {
			paths = []string{"no file"}
		}
		parts = append(parts, show.Word(a.File, 200)+": "+strings.Join(paths, ", "))
	}
	return strings.Join(parts, "; ")
}
