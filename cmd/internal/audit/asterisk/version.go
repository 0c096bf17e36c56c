package asterisk

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"time"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/version"
	"pbxjail/cmd/internal/findings"
	"pbxjail/cmd/internal/program"
	"pbxjail/configs/show"
)

//go:embed versions.json
var versionsFile []byte

// known is what is known of versions.
type known struct {
	Date       string `json:"date"`
	Source     string `json:"source"`
	Series     []life `json:"series"`
	Advisories []hole `json:"advisories"`
}

// life is until when a series gets corrections.
type life struct {
	Name string `json:"name"`
	End  string `json:"end"`
}

// hole is one advisory: in which versions it is closed, one for each series.
type hole struct {
	ID    string   `json:"id"`
	CVE   string   `json:"cve"`
	Way   string   `json:"way"` // sip, manager, ari, web, local: what an attacker must reach
	What  string   `json:"what"`
	Fixed []string `json:"fixed"`
	Since []string `json:"since"` // the first version with it, by series; none: all before Fixed
}

func knownVersions() (k known) {
	d := json.NewDecoder(bytes.NewReader(versionsFile))
	d.DisallowUnknownFields()
	if err := d.Decode(&k); err != nil {
		panic("the file of versions is wrong: " + err.Error())
	}
	return k
}

// release is a version of Asterisk: 20.9.1, or certified/20.7-cert2, which has the number 2
// after 20.7. The zero value is none.
type release struct {
	text      string
	certified bool
	number    version.Version
	packaged  bool // of a distribution, which corrects without a new number
}

var certForm = regexp.MustCompile(`^certified[/-](\d+\.\d+)-cert(\d+)`)

// releaseOf reads "20.9.1", "certified/20.7-cert2", "18.9-cert5" and "1:20.6.0~dfsg+1".
func releaseOf(text string) (r release, ok bool) {
	r.text = text
	if form := certForm.FindStringSubmatch(text); form != nil {
		r.certified = true
		r.number, ok = version.Parse(form[1] + "." + form[2])
		return r, ok
	}
	if epoch, rest, found := strings.Cut(text, ":"); found && len(epoch) < 3 {
		text = rest
	}
	v, rest, ok := version.Lead(text)
	if number, found := strings.CutPrefix(rest, "-cert"); found && ok {
		cert, _, _ := version.Lead(number)
		r.certified = true
		r.number, ok = version.Parse(v.String() + "." + cert.String())
		return r, ok
	}
	r.number, r.packaged = v, strings.Contains(rest, "dfsg") || strings.Contains(rest, "+deb") || strings.Contains(rest, "ubuntu")
	return r, ok && v.Major() > 0
}

// series is what a release belongs to: 20, 1.8, certified/20.7.
func (r release) series() string {
	parts := strings.SplitN(r.number.String(), ".", 3)
	switch {
	case r.certified && len(parts) > 1:
		return "certified/" + parts[0] + "." + parts[1]
	case parts[0] == "1" && len(parts) > 1:
		return parts[0] + "." + parts[1]
	}
	return parts[0]
}

// open reports whether the release has the hole, and in which version it is closed. A series
// that the advisory does not name is not judged.
func (h hole) open(r release) (good string, open bool) {
	for _, text := range h.Fixed {
		if fixed, ok := releaseOf(text); ok && fixed.series() == r.series() && r.number.Before(fixed.number) {
			good = text
		}
	}
	if good == "" || len(h.Since) == 0 {
		return good, good != ""
	}
	for _, text := range h.Since {
		if since, ok := releaseOf(text); ok && since.series() == r.series() && !r.number.Before(since.number) {
			return good, true
		}
	}
	return "", false
}

// asked is a version, or why it is not known.
type asked struct {
	text, from string
	err        error
}

const versionWait = 5 * time.Second

// installed asks the program, which prints its version and starts nothing, or else the list
// of packages.
func installed(m *audit.Machine) (a asked) {
	ctx, cancel := context.WithTimeout(m.Context(), versionWait)
	defer cancel()
	r, err := m.Do(ctx, program.Command{Name: "asterisk", Args: []string{"-V"}})
	if err == nil {
		line, _, _ := strings.Cut(string(r.Out), "\n")
		if text, found := strings.CutPrefix(strings.TrimSpace(line), "Asterisk "); found && len(text) < 64 {
			return asked{text: text, from: "asterisk -V"}
		}
		err = fmt.Errorf("asterisk -V does not print a version")
	}
	text, readErr := m.Read("/var/lib/dpkg/status", mostStatus)
	if v := debianVersion(string(text)); v != "" {
		return asked{text: v, from: "/var/lib/dpkg/status"}
	}
	if readErr != nil && !missing(readErr) {
		err = readErr
	}
	return asked{err: err}
}

const mostStatus = 32 << 20

// packageForm is the package with the program: asterisk, and asterisk22 of FreePBX.
var packageForm = regexp.MustCompile(`^Package: asterisk[0-9]*\n`)

// debianVersion finds the installed package of Asterisk: deb-control(5).
func debianVersion(text string) string {
	for part := range strings.SplitSeq(text, "\n\n") {
		if !packageForm.MatchString(strings.TrimLeft(part, "\n")) || !strings.Contains(part, "\nStatus: install ok installed") {
			continue
		}
		for line := range strings.Lines(part) {
			if v, found := strings.CutPrefix(line, "Version: "); found {
				return strings.TrimSpace(v)
			}
		}
	}
	return ""
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// ways is what an attacker must reach, for people.
var ways = map[string]string{
	"sip": "anybody who can send SIP", "manager": "a user of the manager interface", "ari": "a user of ARI", "web": "anybody who can open the web server of Asterisk", "local": "a user of this machine",
}

// versions compares the version with the ends of series and with advisories.
func versions(m *audit.Machine) (list []findings.Finding) {
	a := installed(m)
	if a.err != nil {
		if errors.Is(a.err, program.ErrNotInstalled) {
			return []findings.Finding{audit.Absent("version", "the program asterisk is not installed where programs of the system are")}
		}
		if _, other := folders(m); other != nil {
			return nil // the check of the manager interface says it
		}
		return []findings.Finding{m.Unseen("version", "which version of Asterisk this is", a.err)}
	}
	r, ok := releaseOf(a.text)
	if !ok {
		return []findings.Finding{{
			About: "version", Severity: findings.Unknown, What: "cannot tell whether this version of Asterisk has known holes: its version is not a number",
			Evidence: []string{a.from + ": " + show.Quoted(a.text, 64)}, Hint: "look when it was built: asterisk -rx 'core show version'",
		}}
	}
	return versionOf(knownVersions(), r, a.from, m.Now)
}

// versionOf judges one release.
func versionOf(k known, r release, from string, now time.Time) (list []findings.Finding) {
	evidence := from + ": " + show.Word(r.text, 64)
	update := findings.Write("install a newer release of Asterisk " + r.series() + ", then restart Asterisk")
	var holes []string
	best := release{}
	bySIP := false
	for _, h := range k.Advisories {
		good, open := h.open(r)
		if !open {
			continue
		}
		name := h.ID
		if h.CVE != "" {
			name = h.CVE
		}
		holes = append(holes, fmt.Sprintf("%s, closed in %s: %s (%s)", name, good, h.What, ways[h.Way]))
		if g, _ := releaseOf(good); best.text == "" || best.number.Before(g.number) {
			best = g
		}
		bySIP = bySIP || h.Way == "sip"
	}
	end := endOf(k, r)
	over := end != "" && end < show.Date(now)
	if over {
		f := findings.Finding{
			About: "version", Severity: findings.Risky, Evidence: []string{evidence},
			What:       fmt.Sprintf("Asterisk %s gets no corrections since %s: holes that were found later stay open, and this list does not name them", r.series(), end),
			Fix:        []findings.Step{findings.Write("install a newer series of Asterisk: " + longest(k, now))},
			References: []string{"https://docs.asterisk.org/About-the-Project/Asterisk-Versions/"},
		}
		if r.packaged {
			f.Severity = findings.Unknown
			f.What = fmt.Sprintf("cannot tell whether this Asterisk %s still gets corrections: the project ended this series on %s, and a distribution can correct it for longer", r.series(), end)
			f.Fix, f.Hint = nil, "look whether your distribution still supports its package: apt-get changelog asterisk"
		}
		list = append(list, f)
	}
	switch {
	case len(holes) > 0 && r.packaged:
		list = append(list, findings.Finding{
			About: "version", Severity: findings.Unknown, Evidence: append([]string{evidence}, holes...),
			What: fmt.Sprintf("cannot tell which of %s are closed: a distribution corrects them without a new number", show.Count(len(holes), "known hole")),
			Hint: "look which of them the package names: apt-get changelog asterisk | grep CVE",
		})
	case len(holes) > 0:
		f := findings.Finding{
			About: "version", Severity: findings.Risky, Evidence: append([]string{evidence}, holes...), Fix: []findings.Step{update},
			What:       fmt.Sprintf("Asterisk has %s; all are closed in %s", show.Count(len(holes), "known hole"), best.text),
			References: []string{"https://github.com/asterisk/asterisk/security/advisories"},
		}
		if bySIP {
			f.What += ". Some need no account: a packet of SIP is enough"
		}
		list = append(list, f)
	case end == "" && !r.certified:
		list = append(list, findings.Finding{
			About: "version", Severity: findings.Unknown, What: "cannot tell whether this version has known holes: the list of " + k.Date + " does not know this series",
			Evidence: []string{evidence}, Hint: "install a newer pbxjail, or read https://github.com/asterisk/asterisk/security/advisories",
		})
	case !over:
		f := audit.OK("version", "Asterisk %s: no hole that was known on %s", show.Word(r.text, 64), k.Date)
		if end != "" {
			f.What += ", and corrections until " + end
		}
		f.Evidence = []string{evidence}
		list = append(list, f)
	}
	return list
}

// longest are the series that get corrections for at least another half of a year, with their
// ends.
func longest(k known, now time.Time) string {
	var list []string
	for _, s := range k.Series {
		if s.End > show.Date(now.AddDate(0, 6, 0)) {
			list = append(list, s.Name+" gets corrections until "+s.End)
		}
	}
	if len(list) == 0 {
		return "the list of " + k.Date + " knows none that still gets corrections"
	}
	return strings.Join(list, ", ")
}

// endOf is when the series of a release ends; "": not known.
func endOf(k known, r release) string {
	name := r.series()
	if rest, found := strings.CutPrefix(name, "certified/"); found {
		name, _, _ = strings.Cut(rest, ".")
	}
	for _, s := range k.Series {
		if s.Name == name {
			return s.End
		}
	}
	return ""
}
