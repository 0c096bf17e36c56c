package gdpr

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

const (
	mostConf  = 1 << 20 // bytes of a file of a server
	mostFiles = 300     // of a server's configuration
)

// shared is a folder that others than the users of this machine may reach.
type shared struct{ folder, how, where string }

// overlaps reports whether two folders have files in common.
func overlaps(a, b string) bool { return inside(a, b) || inside(b, a) }

func inside(name, folder string) bool {
	return name == folder || strings.HasPrefix(name, strings.TrimSuffix(folder, "/")+"/")
}

func (s *seen) checkShared() (list []findings.Finding) {
	all, unseen := s.shares()
	roots, more := s.webRoots()
	unseen = append(unseen, more...)
	links, whole := s.webLinks(roots)
	missed := false
	for i := range s.list {
		f := &s.list[i]
		if f.Err != nil || f.Count == 0 {
			continue
		}
		var evidence []string
		for _, one := range slices.Concat(all, roots) {
			if one.folder != "/" && (overlaps(one.folder, f.Real) || overlaps(one.folder, f.Path)) || one.folder == "/" && one.how != webRoot {
				evidence = append(evidence, one.where+": "+one.how+" "+show.Escaped(one.folder))
			}
		}
		for _, l := range links {
			if overlaps(l.folder, f.Real) && !inside(f.Real, "/var/www") {
				evidence = append(evidence, l.where+": "+l.how+" "+show.Escaped(l.folder))
			}
		}
		if missed = missed || !whole; len(evidence) == 0 && !whole {
			continue
		}
		if len(evidence) == 0 {
			list = append(list, audit.OK(aboutFolder(f), "they are in no web root, and no file of NFS or Samba shares them"))
			continue
		}
		list = append(list, findings.Finding{
			About: aboutFolder(f), Severity: findings.Risky, What: "they can be reached over the network: a web server or a share has this folder, one above, or one below", Evidence: evidence,
			Hint: "remove the share or the link, or move the recordings; then let only those in who need them", References: []string{artSecurity},
		})
	}
	if missed {
		unseen = append(unseen, errTooMany("web roots", mostLinks))
	}
	for _, err := range unseen {
		list = append(list, s.machine.Unseen("shares", "which folders are shared", err))
	}
	return list
}

// errTooMany says that a limit was reached: what is beyond it was not looked at.
func errTooMany(where string, most int) error {
	return hint.Errorf("look at the others by hand: find lists them", "only the first %d files of the %s were looked at", most, where)
}

// read reads files of a server. Those that are not there are no error.
func (s *seen) read(names []string, each func(name, line string, n int)) (unseen []error) {
	for _, name := range names {
		text, err := s.machine.Read(name, mostConf)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				unseen = append(unseen, err)
			}
			continue
		}
		n := 0
		for line := range strings.Lines(string(text)) {
			n++
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' && line[0] != ';' {
				each(name, line, n)
			}
		}
	}
	return unseen
}

// shares are the folders of exports(5) and smb.conf(5).
func (s *seen) shares() (list []shared, unseen []error) {
	names := append([]string{"/etc/exports"}, s.machine.Glob("/etc/exports.d/*.exports", mostFiles)...)
	unseen = s.read(names, func(name, line string, n int) {
		folder, clients := exported(line)
		if path.IsAbs(folder) {
			list = append(list, shared{path.Clean(folder), "NFS shares with " + show.Flat(clients, 80) + ":", at(name, n)})
		}
	})
	section := ""
	more := s.read([]string{"/etc/samba/smb.conf"}, func(name, line string, n int) {
		if strings.HasPrefix(line, "[") {
			section, _, _ = strings.Cut(line[1:], "]")
			return
		}
		key, value, _ := strings.Cut(line, "=")
		key = strings.ToLower(strings.Join(strings.Fields(key), ""))
		if folder := strings.Trim(strings.TrimSpace(value), `"`); (key == "path" || key == "directory") && path.IsAbs(folder) {
			list = append(list, shared{path.Clean(folder), "Samba share " + show.Word(section, 40) + " has", at(name, n)})
		}
	})
	return list, append(unseen, more...)
}

func at(name string, line int) string { return fmt.Sprintf("%s:%d", show.Escaped(name), line) }

// exported is the folder and the clients of a line of exports(5).
func exported(line string) (folder, clients string) {
	if rest, quoted := strings.CutPrefix(line, `"`); quoted {
		folder, clients, _ = strings.Cut(rest, `"`)
	} else {
		folder, clients, _ = strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	}
	folder = strings.ReplaceAll(folder, `\040`, " ")
	if clients = strings.TrimSpace(clients); clients == "" {
		clients = "all"
	}
	return folder, clients
}

const webRoot = "a web server has"

// rootLine is a line of Apache or nginx that names a folder.
var rootLine = regexp.MustCompile(`(?i)^(?:DocumentRoot|Alias\s+\S+|root|alias)\s+"?(/[^\s";]*)`)

// webRoots are the folders of web servers: the usual ones, and those of Apache and nginx.
func (s *seen) webRoots() (list []shared, unseen []error) {
	for _, usual := range []string{"/var/www", "/srv/www", "/srv/http", "/usr/share/nginx/html"} {
		list = append(list, shared{usual, webRoot, "usual place"})
	}
	var names []string
	for _, pattern := range []string{"/etc/apache2/*.conf", "/etc/apache2/*-enabled/*", "/etc/httpd/conf/*.conf", "/etc/httpd/conf.d/*.conf", "/etc/nginx/*.conf", "/etc/nginx/*/*"} {
		names = append(names, s.machine.Glob(pattern, mostFiles)...)
	}
	unseen = s.read(names, func(name, line string, n int) {
		if m := rootLine.FindStringSubmatch(line); m != nil {
			list = append(list, shared{path.Clean(m[1]), webRoot, at(name, n)})
		}
	})
	return list, unseen
}

// mostLinks bounds the names in web roots that are looked at.
const mostLinks = 20_000

// webLinks are symbolic links in web roots, and in the folders directly below. whole: all of
// them were looked at.
func (s *seen) webLinks(roots []shared) (list []shared, whole bool) {
	left, done := mostLinks, map[string]bool{}
	files, ok := s.machine.Files().(fs.ReadLinkFS)
	if !ok {
		return nil, false
	}
	var look func(folder string, depth int)
	look = func(folder string, depth int) {
		if done[folder] || folder == "/" {
			return
		}
		done[folder] = true
		entries, _ := fs.ReadDir(files, strings.TrimPrefix(folder, "/")) // a usual place that is not there has no links
		for _, e := range entries {
			if left--; left < 0 {
				return
			}
			name := path.Join(folder, e.Name())
			switch {
			case e.Type()&fs.ModeSymlink != 0:
				if target, err := files.ReadLink(strings.TrimPrefix(name, "/")); err == nil {
					if !path.IsAbs(target) {
						target = path.Join(folder, target)
					}
					list = append(list, shared{path.Clean(target), "a link in a web root leads to", show.Escaped(name)})
				}
			case e.IsDir() && depth > 0:
				look(name, depth-1)
			}
		}
	}
	for _, r := range roots {
		look(r.folder, 2)
	}
	return list, left >= 0
}

// mostBackups bounds the files of backups that are looked at.
const mostBackups = 20_000

// backups is where FreePBX puts its backups.
const backups = asterisk.DefaultSpool + "/backup"

func (s *seen) checkBackups() []findings.Finding {
	const about, folder = "backups of FreePBX", backups
	info, err := s.machine.Stat(folder)
	if notCopied := s.notCopied(); errors.Is(err, fs.ErrNotExist) && notCopied != nil {
		return []findings.Finding{s.machine.Unseen(about, "who can read them", notCopied)}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return []findings.Finding{audit.Absent(about, "there is no folder %s", folder)}
	}
	if err != nil {
		return []findings.Finding{s.machine.Unseen(about, "who can read them", err)}
	}
	n, public, left := 0, 0, mostBackups
	var evidence []string
	var unseen error
	err = fs.WalkDir(s.machine.Files(), strings.TrimPrefix(folder, "/"), func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			unseen = err
			return nil
		}
		one, err := d.Info()
		if left--; left < 0 {
			unseen = errTooMany("folder of backups", mostBackups)
			return fs.SkipAll
		}
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && one.Mode().Perm()&0o001 == 0:
			if list, err := fs.ReadDir(s.machine.Files(), name); err == nil {
				n += len(list)
			}
			return fs.SkipDir // others cannot reach what is in it
		case d.Type().IsRegular():
			if n++; one.Mode().Perm()&0o004 != 0 {
				public++
				evidence = append(evidence, fmt.Sprintf("/%s: mode %04o", show.Escaped(name), one.Mode().Perm()))
			}
		}
		return nil
	})
	if public > 0 && info.Mode().Perm()&0o001 != 0 && s.reachable(path.Dir(folder)) {
		return []findings.Finding{{
			About: about, Severity: findings.Risky, What: fmt.Sprintf("every user of this machine can read %s; a backup has passwords, voicemail and often recordings", show.Count(public, "file")), Evidence: evidence,
			Fix: s.closing(folder, "chmod -R o-rwx "), References: []string{artSecurity},
		}}
	}
	if err != nil || unseen != nil {
		return []findings.Finding{s.machine.Unseen(about, "who can read them", errors.Join(err, unseen))}
	}
	return []findings.Finding{audit.OK(about, "%s looked at; none can be read by every user", show.Count(n, "file"))}
}

// reachable reports whether every user can pass a folder and those above it.
func (s *seen) reachable(folder string) bool {
	for ; folder != "/"; folder = path.Dir(folder) {
		if info, err := s.machine.Stat(folder); err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
	}
	return true
}
