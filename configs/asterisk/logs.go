package asterisk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// DefaultLogDir is where Asterisk writes its logs when asterisk.conf says nothing.
const DefaultLogDir = "/var/log/asterisk"

// defaultDateFormat is asterisk:main/logger.c, dateformat.
const defaultDateFormat = "%b %e %T"

// maxChannels bounds the channels of logger.conf. A usual one has three.
const maxChannels = 64

// Levels of the logger that matter to a jail, as logger.conf names them in lower case.
// EveryLevel means all.
const (
	LevelNotice   = "notice"
	LevelWarning  = "warning"
	LevelError    = "error"
	LevelSecurity = "security"
	LevelVerbose  = "verbose"
	EveryLevel    = "*"
)

// Logging is what Asterisk writes and where, by asterisk.conf and logger.conf.
type Logging struct {
	File       string // logger.conf; the path may hold any byte
	Known      bool   // it was read. false: Channels is empty, and nothing is known
	Dir        string // astlogdir
	DateFormat string // of the records; the default where logger.conf names none
	DateLine   Place  // where dateformat is written; zero: it is not
	Logfiles   Place  // where the section [logfiles] begins to say something; zero: it says nothing
	Channels   []Channel
}

// Place is a line of a file, counted from 1. The zero value is none.
type Place struct {
	File string
	Line int
}

// Channel is one line of [logfiles] in logger.conf.
type Channel struct {
	Name   string   // as logger.conf has it
	Path   string   // of the file; "" where it goes elsewhere: console, syslog, or a device
	Levels []string // in lower case; nothing: it writes nothing
	JSON   bool     // the [json] formatter
	At     Place
}

// Has reports whether a channel is written records of a level.
func (c Channel) Has(level string) bool {
	return slices.Contains(c.Levels, level) || slices.Contains(c.Levels, EveryLevel)
}

// Logs reads below dir where Asterisk writes its logs: astlogdir and astetcdir of
// asterisk.conf, and logger.conf, with what they include; "" is DefaultDir. hostname is
// what appendhostname appends (gethostname(2)). How a log is rotated (rotatestrategy)
// changes nothing: Asterisk goes on under the name, and the old file is read to its end.
//
// A logger.conf that is not there is no error. problems are as those of Read. Logs may be
// called from any goroutine.
func Logs(dir, hostname string) (l Logging, problems []error) {
	if dir == "" {
		dir = DefaultDir
	}
	r := newReader(dir)
	r.all, r.lost = true, "so pbxjail does not know the logs in it"
	l = Logging{Dir: r.directories(), DateFormat: defaultDateFormat}
	l.File = filepath.Join(r.dir, "logger.conf")
	if _, err := os.Stat(l.File); errors.Is(err, fs.ErrNotExist) {
		return l, r.problems
	}
	r.begin()
	before := len(r.problems)
	r.file(place{}, l.File, false)
	l.Known = len(r.sections) > 0 || len(r.problems) == before
	appends := false
	if s := r.firstPlain["general"]; s != nil {
		appends = isTrue(first(s, "appendhostname").value)
		if set := first(s, "dateformat"); set.value != "" {
			l.DateFormat, l.DateLine = set.value, set.at.public()
		}
	}
	if !appends {
		hostname = ""
	}
	if s := r.firstPlain["logfiles"]; s != nil {
		r.channels(s, &l, hostname)
	}
	return l, r.problems
}

// directories reads asterisk.conf: it returns astlogdir, and goes on where astetcdir says,
// if logger.conf is there. In a container it may be a folder that is not here.
func (r *reader) directories() (logs string) {
	r.begin()
	r.file(place{}, filepath.Join(r.dir, "asterisk.conf"), true)
	s := r.firstPlain["directories"]
	if s == nil {
		return DefaultLogDir
	}
	if etc := r.folder(s, "astetcdir", ""); etc != "" {
		if _, err := os.Stat(filepath.Join(etc, "logger.conf")); err == nil {
			r.dir = etc
		}
	}
	return r.folder(s, "astlogdir", DefaultLogDir)
}

// channels reads the section [logfiles].
func (r *reader) channels(s *section, l *Logging, hostname string) {
	for _, set := range s.settings {
		if len(l.Channels) == maxChannels {
			r.tell(set.at, "remove log files that you do not need from [logfiles]; then: asterisk -rx 'logger reload'", "there are more than %d logs: pbxjail does not read this one and those after it", maxChannels)
			return
		}
		if l.Logfiles.Line == 0 {
			l.Logfiles = set.at.public()
		}
		l.Channels = append(l.Channels, r.channel(set, l.Dir, hostname))
	}
}

// public is a place as others see it.
func (p place) public() Place { return Place{p.path, p.line} }

// folder is the last folder that a section of asterisk.conf names under a key.
func (r *reader) folder(s *section, key, standard string) string {
	for _, set := range s.settings {
		switch {
		case !strings.EqualFold(set.key, key):
		case !filepath.IsAbs(set.value):
			r.tell(set.at, "write the full path from /", "%s %s does not begin with /", key, quoted(set.value))
		default:
			standard = filepath.Clean(set.value)
		}
	}
	return standard
}

// first is the setting that ast_variable_retrieve finds; zero: there is none.
func first(s *section, key string) setting {
	for _, set := range s.settings {
		if strings.EqualFold(set.key, key) {
			return set
		}
	}
	return setting{}
}

// isTrue is ast_true: asterisk:main/utils.c.
func isTrue(text string) bool {
	switch strings.ToLower(text) {
	case "yes", "true", "y", "t", "1", "on":
		return true
	}
	return false
}

// channel reads one line of [logfiles]: asterisk:main/logger.c, make_filename and
// make_components.
func (r *reader) channel(set setting, dir, hostname string) Channel {
	c := Channel{Name: set.key, At: set.at.public()}
	switch {
	case strings.EqualFold(set.key, "console"), strings.HasPrefix(strings.ToLower(set.key), "syslog"):
	default:
		c.Path = set.key
		if !strings.HasPrefix(c.Path, "/") {
			c.Path = dir + "/" + c.Path
		}
		if hostname != "" {
			c.Path += "." + hostname
		}
		if c.Path = filepath.Clean(c.Path); device(c.Path) {
			c.Path = ""
		}
	}
	text := set.value
	if rest, ok := strings.CutPrefix(text, "["); ok {
		formatter, levels, closed := strings.Cut(rest, "]")
		if !closed {
			r.tell(set.at, "write ] after the formatter, such as [json]; then: asterisk -rx 'logger reload'", "pbxjail does not know which levels log %s has: the formatter has no closing bracket", quoted(set.key))
			return c
		}
		c.JSON, text = strings.EqualFold(strip(formatter), "json"), levels
	}
	for word := range strings.SplitSeq(text, ",") {
		word = strings.ToLower(strip(word))
		if strings.HasPrefix(word, "verbose(") {
			word = LevelVerbose
		}
		if word != "" && !slices.Contains(c.Levels, word) && len(c.Levels) < maxLevels {
			c.Levels = append(c.Levels, word)
		}
	}
	return c
}

// maxLevels is how many levels a logger knows: asterisk:main/logger.c, NUMLOGLEVELS.
const maxLevels = 32

// device knows the paths that are not a log on a disk: what Asterisk sees as its own
// standard output is ours when we open it.
func device(path string) bool {
	return strings.HasPrefix(path, "/dev/") || strings.HasPrefix(path, "/proc/") || strings.HasPrefix(path, "/sys/")
}
