package asterisk

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/reach"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/show"
)

// Folders in which phones find their configuration: those of TFTP, and folders of the web
// server that are made for it.
var (
	tftpFolders = []string{"/tftpboot", "/var/lib/tftpboot", "/srv/tftp", "/var/lib/tftp"}
	webFolders  = []string{"/var/www/html/provisioning", "/var/www/html/provision", "/var/www/html/prov", "/var/www/html/autoprovision", "/var/www/html/phones", "/var/www/html/cfg", "/var/www/html/tftpboot", "/var/www/html"}
)

const (
	mostPhoneFiles = 5000
	mostPhoneFile  = 256 << 10 // bytes of one that are read
	mostShown      = 8
)

// phoneFile is the name of a configuration of a phone.
var phoneFile = regexp.MustCompile(`(?i)\.(?:cfg|xml|conf|txt|boot|ini|htm)$`)

// secretForm is a line with a secret of a SIP account, by the makers of phones: Yealink,
// Snom, Cisco SPA, Polycom, Grandstream, Aastra, Fanvil, Cisco 79xx.
var secretForm = regexp.MustCompile(`(?im)^[^#;\n]{0,200}?(?:account\.\d+\.password|user_pass\d*[^=\n>:]*|<(?:auth)?password[^>\n]*>|<password_\d[^>\n]*>|reg\.\d+\.auth\.password|\bP(?:34|406|506|606)\b|sip line\d* password|sip password|line\d*_password|auth_password|sip_line\d+_pwd)\s*["']?\s*[=:>]?\s*["']?[^\s"'<>=:]{2,}`)

// phones looks for files of phones that show secrets to anybody.
func phones(m *audit.Machine) (list []findings.Finding) {
	served, servedErr := tftpServed(m)
	looked := 0
	for i, folder := range append(append([]string{}, tftpFolders...), webFolders...) {
		web := i >= len(tftpFolders)
		hits, count, err := phoneFiles(m, folder, web)
		looked += count
		if err != nil {
			list = append(list, m.Unseen("phones", "whether files below "+folder+" show secrets of phones", err))
		}
		if len(hits) == 0 {
			continue
		}
		f := findings.Finding{
			About: "phones in " + folder, Severity: findings.Risky, Evidence: hits[:min(len(hits), mostShown)],
			What: fmt.Sprintf("%s of phones show secrets of accounts, and the web server gives them to anybody who guesses the name: it is the number (MAC) of the phone", show.Count(len(hits), "file")),
			Hint: "let the web server ask for a password, or refuse all addresses but those of your phones; then change the secrets",
		}
		if n := len(hits) - mostShown; n > 0 {
			f.Evidence = append(f.Evidence, fmt.Sprintf("and %d more", n))
		}
		switch {
		case !web && servedErr != nil:
			f.What = fmt.Sprintf("%s of phones show secrets of accounts; whether TFTP gives them to the world is not known", show.Count(len(hits), "file"))
			f.Hint = "let the firewall refuse port 69/udp from all but your phones; then change the secrets"
		case !web && served == "":
			f.Severity = findings.Note
			f.What = fmt.Sprintf("%s of phones have secrets of accounts, and every user of this machine can read them; the world reaches no TFTP server now", show.Count(len(hits), "file"))
			f.Hint = "to let only the TFTP server read them: chmod o= FILE"
		case !web:
			f.What = fmt.Sprintf("%s of phones show secrets of accounts, and TFTP gives them to anybody who guesses the name: it is the number (MAC) of the phone", show.Count(len(hits), "file"))
			f.Evidence = append(f.Evidence, served)
			f.Hint = "let the firewall refuse port 69/udp from all but your phones, or give the files over HTTPS with a password; then change the secrets"
		}
		list = append(list, f)
	}
	if len(list) == 0 && looked == 0 {
		return []findings.Finding{audit.Absent("phones", "there are no files for phones in the folders of TFTP and of the web server")}
	}
	if len(list) == 0 {
		list = append(list, audit.OK("phones", "%s in the folders of phones: none shows a secret to anybody", show.Count(looked, "file")))
		list[0].Evidence = tftpFolders
	}
	return list
}

var errFirewall = errors.New("what the firewall does is not known")

// tftpServed is the socket of a TFTP server that the world can reach; "": none.
func tftpServed(m *audit.Machine) (string, error) {
	if !m.IsThis() {
		return "", audit.ErrNoPrograms
	}
	sockets, err := m.Listening()
	for _, s := range sockets {
		if s.Protocol != "udp" || s.At.Port() != 69 || !s.World() {
			continue
		}
		switch wall := reach.Of(m); wall.World(s) {
		case reach.Open:
			return fmt.Sprintf("udp %s, program %s, %s", s.At, show.Word(cmp.Or(s.Program, "unknown"), 20), wall.Why()), nil
		case reach.Unknown:
			return "", errFirewall
		}
	}
	return "", err
}

// phoneFiles are the files of a folder that show a secret to every user of the machine, as a
// server of files does. The secret is not kept.
func phoneFiles(m *audit.Machine, folder string, web bool) (hits []string, looked int, err error) {
	f, err := m.Open(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	if web && refusedByHtaccess(m, folder) {
		return nil, 0, nil
	}
	for looked < mostPhoneFiles {
		entries, readErr := f.ReadDir(512)
		for _, entry := range entries {
			name := path.Join(folder, entry.Name())
			if !entry.Type().IsRegular() || !phoneFile.MatchString(entry.Name()) {
				continue
			}
			info, infoErr := entry.Info()
			if looked++; infoErr != nil || !web && info.Mode().Perm()&0o004 == 0 { // a web server is often the owner
				continue
			}
			text, textErr := m.Read(name, mostPhoneFile)
			if textErr != nil && !errors.Is(textErr, audit.ErrTooLarge) {
				err = textErr
				continue
			}
			if at := secretForm.FindIndex(text); at != nil {
				line := bytes.Count(text[:at[1]], []byte("\n")) + 1
				hits = append(hits, fmt.Sprintf("%s:%d: a secret of an account (not shown), mode %04o", show.Word(name, 200), line, info.Mode().Perm()))
			}
		}
		if readErr != nil {
			if !errors.Is(readErr, io.EOF) {
				err = readErr
			}
			return hits, looked, err
		}
	}
	return hits, looked, errors.New("it has too many files")
}

// refusedByHtaccess reports whether a file of the folder says that the web server asks for a
// password, or refuses everybody.
func refusedByHtaccess(m *audit.Machine, folder string) bool {
	text, err := m.Read(folder+"/.htaccess", 64<<10)
	if err != nil {
		return false
	}
	for line := range strings.Lines(strings.ToLower(string(text))) {
		line = strings.Join(strings.Fields(line), " ")
		if line == "require valid-user" || line == "deny from all" || line == "require all denied" || strings.HasPrefix(line, "require ip ") || strings.HasPrefix(line, "require user ") {
			return true
		}
	}
	return false
}
