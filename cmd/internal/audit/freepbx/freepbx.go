// Package freepbx is the part of jailctl audit for FreePBX, Elastix and Issabel: versions of
// modules with known holes, and signs that somebody broke in. The list of the parts has its
// Checks. It must never change anything, never print a password, and never call something
// fine that it could not look at. What it knows of holes and signs is in advisories.json and
// signs.json, with the date of each.
package freepbx

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/findings"
	"pbxjail/cmd/internal/host"
	"pbxjail/configs/show"
)

// Checks are the checks of this part: first the holes, then the signs of a break-in.
func Checks() []findings.Check[*audit.Machine] {
	return []findings.Check[*audit.Machine]{
		{Name: "freepbx-modules", Asks: "do modules of the web interface have known holes?", Run: modules},
		{Name: "freepbx-ari", Asks: "can a cookie run commands on the page of recordings (CVE-2014-7235)?", Run: ari},
		{Name: "freepbx-files", Asks: "are there files that an attacker leaves?", Run: files},
		{Name: "freepbx-conf", Asks: "is freepbx.conf as FreePBX writes it?", Run: bootstrap},
		{Name: "freepbx-cron", Asks: "do cron and log-ins start what an attacker leaves?", Run: started},
		{Name: "freepbx-accounts", Asks: "does this machine have accounts that an attacker makes?", Run: accounts},
		{Name: "freepbx-requests", Asks: "do the logs of the web server have requests of an attack?", Run: requests},
		{Name: "freepbx-calls", Asks: "were there calls of an attack?", Run: calls},
		{Name: "freepbx-users", Asks: "who can log in to the web interface?", Run: administrators},
	}
}

// confFiles are files of Elastix, Issabel and FreePBX that say where the web interface is.
var confFiles = []string{"/etc/freepbx.conf", "/etc/issabelpbx.conf", "/etc/amportal.conf", "/etc/asterisk/freepbx.conf"}

// box is a machine with such a web interface.
type box struct {
	*audit.Machine
	roots  []string // the folders that the web server shows, each once
	closed error    // why one of them could not be looked at; nil: all could
}

// look finds out where the web interface is. other are the findings of a check on a machine
// that has none, or that cannot be looked at.
func look(m *audit.Machine) (b box, other []findings.Finding) {
	b = box{Machine: m}
	b.findRoots()
	failed := b.closed
	there := func(name string) bool {
		_, err := m.Stat(name)
		if err != nil && !missing(err) {
			failed = err
		}
		return err == nil
	}
	found := slices.ContainsFunc(append([]string{"/etc/elastix.conf", "/etc/issabel.conf"}, confFiles...), there)
	for _, root := range b.roots {
		found = found || there(root+"/admin/modules") || there(root+"/recordings/includes/login.php")
	}
	switch {
	case found:
		return b, nil
	case failed != nil:
		return b, []findings.Finding{m.Unseen("freepbx", "whether this machine has FreePBX, Elastix or Issabel", failed)}
	}
	return b, []findings.Finding{audit.Absent("freepbx", "this machine has no FreePBX, Elastix or Issabel")}
}

// unseenRoots is the finding that a folder of the web server could not be looked at.
func (b box) unseenRoots(what string) (list []findings.Finding) {
	if b.closed != nil {
		list = append(list, b.Unseen("web folders", what, b.closed))
	}
	return list
}

// mostConf bounds a file of settings, in bytes.
const mostConf = 1 << 20

// findRoots finds the folders that the web server shows, as far as files say.
func (b *box) findRoots() {
	var list []string
	add := func(folder string) {
		folder = path.Clean(strings.Trim(folder, `"' `))
		info, err := b.Stat(folder)
		switch {
		case err != nil && !missing(err):
			b.closed = err
		case err == nil && info.IsDir() && folder != "/" && !slices.Contains(list, folder):
			list = append(list, folder)
		}
	}
	add("/var/www/html")
	for _, name := range confFiles {
		if value := ampSetting(b.Machine, name, "AMPWEBROOT"); value != "" {
			add(value)
		}
	}
	for _, pattern := range []string{"/etc/httpd/conf/*.conf", "/etc/httpd/conf.d/*.conf", "/etc/apache2/sites-enabled/*", "/etc/nginx/sites-enabled/*", "/etc/nginx/conf.d/*.conf"} {
		for _, name := range b.Glob(pattern, 64) {
			text, _ := b.Read(name, mostConf)
			for line := range strings.Lines(string(text)) {
				word := strings.Fields(strings.TrimRight(line, "; \r\n"))
				if len(word) == 2 && (strings.EqualFold(word[0], "DocumentRoot") || word[0] == "root") && strings.HasPrefix(strings.Trim(word[1], `"`), "/") {
					add(word[1])
				}
			}
		}
	}
	b.roots = without(list)
}

// without leaves out folders that are within another one.
func without(list []string) (outer []string) {
	for _, folder := range list {
		if !slices.ContainsFunc(list, func(other string) bool { return other != folder && strings.HasPrefix(folder, other+"/") }) {
			outer = append(outer, folder)
		}
	}
	return outer
}

// asteriskFolders are where Asterisk's configuration is.
func asteriskFolders(m *audit.Machine) []string {
	list := []string{"/etc/asterisk"}
	if m.IsThis() {
		list = append(list, host.ConfigFolders("/proc", "asterisk")...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// missing reports whether a file is not there, as distinct from one that cannot be read.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// named is the name of a file for people.
func named(name string) string { return show.Word(name, 200) }
