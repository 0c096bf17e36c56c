// Package gdpr is the part "recordings" of jailctl audit: where recordings of calls are, who
// can read them, how old they are against the policy, and whether their disk is encrypted.
// Package parts lists its checks. It must never change anything, and never show the name of a
// recording, which holds phone numbers: it shows counts and IDs.
package gdpr

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/findings"
	"pbxjail/cmd/internal/recordings"
	"pbxjail/configs"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// The articles of the GDPR that the findings name.
const (
	artStorage  = "GDPR article 5(1)(e)"
	artGround   = "GDPR article 6"
	artSecurity = "GDPR article 32"
)

// seen is what one look at the machine found. All checks share it: there may be hundreds of
// thousands of recordings.
type seen struct {
	machine *audit.Machine // that was looked at
	policy  configs.Recordings
	noMain  error // the main file cannot be read
	list    []recordings.Survey
	holds   []recordings.Hold
	gone    []recordings.Hold
	noHolds error // the holds cannot be read
	skipped recordings.Skipped
	err     error // the look was cut short
}

// Checks are the checks of this part.
func Checks() []findings.Check[*audit.Machine] {
	s := &seen{}
	check := func(name, asks string, run func(*seen) []findings.Finding) findings.Check[*audit.Machine] {
		return findings.Check[*audit.Machine]{Name: name, Asks: asks, Run: func(m *audit.Machine) []findings.Finding {
			s.look(m)
			if s.nothing() && name != checkOfNothing {
				return nil // one line is enough
			}
			return run(s)
		}}
	}
	return []findings.Check[*audit.Machine]{
		check("recordings-policy", "is there a lawful ground and a retention?", (*seen).checkPolicy),
		check(checkOfNothing, "where are recordings, and how many?", (*seen).checkWhere),
		check("recordings-readers", "who can read them?", (*seen).checkReaders),
		check("recordings-shared", "are they in a web root, or shared by NFS or Samba?", (*seen).checkShared),
		check("recordings-age", "are some older than the policy says?", (*seen).checkAge),
		check("recordings-encryption", "is their disk encrypted?", (*seen).checkEncryption),
		check("recordings-holds", "are the recordings on hold still there?", (*seen).checkHolds),
		check("recordings-backups", "who can read the backups of FreePBX?", (*seen).checkBackups),
	}
}

// checkOfNothing is the check that speaks for all of them where there are no recordings.
const checkOfNothing = "recordings-where"

// nothing reports whether the machine has no folder of recordings or backups, as far as it can
// be seen: most likely it is no PBX.
func (s *seen) nothing() bool {
	_, err := s.machine.Stat(backups)
	return errors.Is(err, fs.ErrNotExist) && len(s.list)+len(s.holds)+len(s.gone)+s.skipped.More == 0 && s.err == nil && s.noMain == nil && s.noHolds == nil
}

// notCopied is an error when a copy of a machine may lack the folders of recordings.
func (s *seen) notCopied() error {
	if _, err := s.machine.Stat("/etc/asterisk"); err == nil {
		return s.machine.NotCopied(asterisk.DefaultSpool)
	}
	return s.machine.NotCopied("/var/spool")
}

// look looks at the machine once.
func (s *seen) look(m *audit.Machine) {
	if s.machine != nil && s.machine.Root == m.Root && s.machine.Main == m.Main && s.machine.Now.Equal(m.Now) {
		return
	}
	*s = seen{machine: m}
	main, err := mainFile(m)
	if err != nil {
		s.noMain = err
		main, _ = configs.LoadMain("", false) // the built-in settings
	}
	s.policy = main.Recordings
	r := &recordings.Machine{Root: m.Root, Asterisk: main.Asterisk, Now: m.Now, Zone: time.Local, UID: os.Geteuid()}
	if !m.IsThis() {
		r.Proc = m.Root + "/proc"
	}
	p := recordings.Policy{Retention: s.policy.Retention, Voicemail: s.policy.Voicemail, Folders: s.policy.Folders}
	s.holds, s.noHolds = r.Holds(cmp.Or(strings.TrimSuffix(m.Root, "/"), "") + s.policy.State)
	s.list, s.gone, s.skipped, s.err = r.Look(m.Context(), p, r.Folders(p), s.holds)
}

// mainFile is the main file of the machine; the built-in settings when there is none.
func mainFile(m *audit.Machine) (*configs.Main, error) {
	if m.Main != "" {
		return configs.LoadMain(m.Main, true)
	}
	path, err := m.Path(configs.DefaultMain)
	if errors.Is(err, fs.ErrNotExist) {
		return configs.LoadMain("", false)
	}
	if err != nil {
		return nil, err
	}
	return configs.LoadMain(path, false)
}

const policyAbout = "policy for recordings"

// none reports whether no recording is on the machine, as far as it can be seen.
func (s *seen) none() bool {
	n := 0
	for i := range s.list {
		n += s.list[i].Count
	}
	return n == 0 && s.skipped.More == 0
}

func (s *seen) checkPolicy() (list []findings.Finding) {
	if s.noMain != nil {
		return []findings.Finding{s.machine.Unseen(policyAbout, "how long recordings are kept, and on which ground", s.noMain)}
	}
	if err := s.notCopied(); s.none() && err != nil {
		return []findings.Finding{s.machine.Unseen(policyAbout, "whether there are recordings that need a policy", err)}
	}
	if s.none() {
		return []findings.Finding{audit.Absent(policyAbout, "no recording was found, so no policy is needed")}
	}
	write := s.policyFix()
	if strings.TrimSpace(s.policy.Ground) == "" {
		list = append(list, findings.Finding{
			About: policyAbout, Severity: findings.Risky, What: "there are recordings, and no lawful ground is named",
			Fix: write, Hint: "ask your data-protection officer on which ground you record, and write that ground in place of the one in the lines",
			References: []string{artGround},
		})
	} else {
		list = append(list, audit.OK(policyAbout, "the ground is: %s", show.Escaped(s.policy.Ground)))
	}
	if s.policy.Retention == configs.Forever {
		do := "90d is an example: ask your data-protection officer how long you may keep recordings"
		if len(list) > 0 && list[0].Severity == findings.Risky { // once, or the file has the lines twice
			write, do = nil, "the line is beside that of the lawful ground, which is missing too; "+do
		}
		list = append(list, findings.Finding{
			About: policyAbout, Severity: findings.Risky, What: "no retention is set: recordings are kept without end",
			Fix: append(write, findings.Command("jailctl recordings expire --dry-run")), References: []string{artStorage},
			Hint: do,
		})
	} else {
		list = append(list, audit.OK(policyAbout, "calls are kept for %s, voicemail for %s", show.Duration(s.policy.Retention), show.Duration(s.policy.Voicemail)))
	}
	return list
}

// policyFix are the lines of the main file that are missing, in one block: a second line
// "recordings:" would be a mistake.
func (s *seen) policyFix() []findings.Step {
	var lines []string
	if strings.TrimSpace(s.policy.Ground) == "" {
		lines = append(lines, `  ground: "consent of the caller, announced before the call"`)
	}
	if s.policy.Retention == configs.Forever {
		lines = append(lines, "  retention: 90d")
	}
	where := "into " + s.mainName() + ", below the line recordings: (write this line too, once, if it is not there)"
	return []findings.Step{findings.Write(where, lines...), findings.Command("jailctl check")}
}

// mainName is the main file, for people.
func (s *seen) mainName() string {
	return cmp.Or(show.Escaped(s.machine.Main), configs.DefaultMain)
}

func aboutFolder(f *recordings.Survey) string { return "recordings in " + show.Escaped(f.Path) }

func (s *seen) checkWhere() (list []findings.Finding) {
	for i := range s.list {
		f := &s.list[i]
		if f.Err != nil {
			list = append(list, s.machine.Unseen(aboutFolder(f), "which recordings there are", f.Err))
			continue
		}
		list = append(list, audit.OK(aboutFolder(f), "%s (named by: %s)", show.Count(f.Count, "recording"), show.Escaped(f.From)))
		if f.Doubt != "" {
			list = append(list, findings.Finding{
				About: aboutFolder(f), Severity: findings.Note, What: "jailctl recordings expire deletes nothing here: " + show.Escaped(f.Doubt),
				Hint: "if the recordings here are yours to delete, write the folder into " + s.mainName() + ": recordings: {folders: [" + show.Escaped(f.Real) + "]}",
			})
		}
	}
	for _, err := range s.skipped.Problems {
		if !isFolderError(s.list, err) {
			list = append(list, s.machine.Unseen("recordings", "which recordings there are", err))
		}
	}
	if s.err != nil {
		list = append(list, s.machine.Unseen("recordings", "which recordings there are: there was not enough time to look at all", s.err))
	}
	if err := s.notCopied(); len(list) == 0 && err != nil {
		return []findings.Finding{s.machine.Unseen("recordings", "which recordings there are, and who can read them", err)}
	}
	if len(list) == 0 {
		return []findings.Finding{audit.Absent("recordings", "there is no folder with recordings of calls, voicemail or backups of FreePBX")}
	}
	return list
}

// isFolderError reports whether an error is that of a folder, which is reported already.
func isFolderError(list []recordings.Survey, err error) bool {
	for i := range list {
		if list[i].Err != nil && list[i].Err.Error() == err.Error() {
			return true
		}
	}
	return false
}

func (s *seen) checkReaders() (list []findings.Finding) {
	for i := range s.list {
		f := &s.list[i]
		if f.Count == 0 {
			continue
		}
		var evidence []string
		for _, r := range f.Readers {
			evidence = append(evidence, fmt.Sprintf("%s: mode %s, user %d, group %d", show.Count(r.Count, "recording"), r.Mode, r.UID, r.GID))
		}
		one := audit.OK(aboutFolder(f), "only their owner and group can read them")
		if f.Public > 0 {
			one = findings.Finding{
				About: aboutFolder(f), Severity: findings.Risky, What: fmt.Sprintf("every user of this machine can read %d of %s", f.Public, show.Count(f.Count, "recording")),
				Fix:  s.closing(f.Real, "chmod o-rx "),
				Hint: "the folder needs no rights for others: only Asterisk, and a web server that plays recordings, read them; IDs of some: " + strings.Join(f.Everyone, ", "), References: []string{artSecurity},
			}
		}
		one.Evidence = evidence
		list = append(list, one)
	}
	return list
}

// closing keeps other users out of a folder. FreePBX sets the modes of its files again and
// again: freepbx/framework:amp_conf/htdocs/admin/libraries/Console/Chown.class.php sets what
// [custom] names last, and takes the execute bits off the files below a rdir.
func (s *seen) closing(folder, chmod string) []findings.Step {
	if !s.machine.FreePBX() {
		return []findings.Step{findings.Command(chmod + audit.ShellWord(folder))}
	}
	const where = "into /etc/asterisk/freepbx_chown.conf, below the line [custom] (write this line too, once, if it is not there), with the user and group of Asterisk at the end; without that the next fwconsole chown opens the folder again"
	return []findings.Step{findings.Write(where, "rdir = "+show.Escaped(folder)+",0770,asterisk,asterisk"), findings.Command("fwconsole chown")}
}

func (s *seen) checkAge() (list []findings.Finding) {
	for i := range s.list {
		f := &s.list[i]
		switch {
		case f.Count == 0:
		case f.Late > 0:
			list = append(list, findings.Finding{
				About: aboutFolder(f), Severity: findings.Risky, What: fmt.Sprintf("%s older than the policy says, and not on hold; the oldest is of %s", show.Count(f.Late, "recording"), show.Date(f.Oldest)),
				Fix: []findings.Step{findings.Command("jailctl recordings expire --dry-run"), findings.Command("jailctl recordings expire")}, References: []string{artStorage},
			})
		case s.policy.Retention == configs.Forever && f.Kind == recordings.Calls || s.policy.Voicemail == configs.Forever && f.Kind == recordings.Voicemail:
			list = append(list, findings.Finding{About: aboutFolder(f), Severity: findings.Note, What: fmt.Sprintf("the oldest is of %s, and there is no retention to compare with", show.Date(f.Oldest))})
		default:
			list = append(list, audit.OK(aboutFolder(f), "none is older than the policy says; the oldest is of %s", show.Date(f.Oldest)))
		}
		if f.Future > 0 {
			list = append(list, findings.Finding{
				About: aboutFolder(f), Severity: findings.Risky, What: fmt.Sprintf("%s with a date in the future: expire never deletes such a recording", show.Count(f.Future, "recording")),
				Hint: "look at the clock (date), and at the dates of the files: jailctl recordings list --since " + show.Date(s.machine.Now.AddDate(0, 0, 1)), References: []string{artStorage},
			})
		}
	}
	return list
}

func (s *seen) checkEncryption() (list []findings.Finding) {
	for i := range s.list {
		f := &s.list[i]
		if f.Count == 0 {
			continue
		}
		why := show.Escaped(f.Encryption.Why)
		switch f.Encryption.State {
		case recordings.Encrypted:
			list = append(list, audit.OK(aboutFolder(f), "they are encrypted on the disk: %s", why))
		case recordings.NotSeen:
			list = append(list, findings.Finding{
				About: aboutFolder(f), Severity: findings.Risky, What: "they are not encrypted on the disk: " + why + "; a stolen disk is a leak of all recordings",
				Hint: "put the folder on an encrypted volume (LUKS: cryptsetup(8)) when you next move it; until then keep the machine locked, and destroy old disks", References: []string{artSecurity},
			})
		default:
			list = append(list, findings.Finding{
				About: aboutFolder(f), Severity: findings.Unknown, What: "cannot tell whether they are encrypted on the disk: " + why,
				Hint: "ask who runs the host or the storage below whether that disk is encrypted", References: []string{artSecurity},
			})
		}
	}
	return list
}

func (s *seen) checkHolds() (list []findings.Finding) {
	const about = "recordings on hold"
	switch {
	case s.noHolds != nil:
		return []findings.Finding{s.machine.Unseen(about, "which recordings are on hold", hint.Add(audit.AsRoot("run jailctl audit as root; if it says the same, ", "")+"do what the message says, because jailctl recordings expire deletes nothing until then", s.noHolds))}
	case len(s.holds) == 0 && s.machine.NotCopied(path.Dir(s.policy.State)) != nil:
		return []findings.Finding{s.machine.Unseen(about, "which recordings are on hold", s.machine.NotCopied(path.Dir(s.policy.State)))}
	case len(s.holds) == 0:
		return []findings.Finding{audit.OK(about, "no recording is on hold")}
	case len(s.gone) == 0:
		return []findings.Finding{audit.OK(about, "%s on hold, and all are there", show.Count(len(s.holds), "recording"))}
	}
	one := findings.Finding{
		About: about, Severity: findings.Risky, What: fmt.Sprintf("%d of %s on hold cannot be found: deleted or moved by another program, or in a folder that was not looked at", len(s.gone), show.Count(len(s.holds), "recording")),
		Hint: "look for the recordings in your backups; if a court needs them no more: jailctl recordings released ID", References: []string{artSecurity},
	}
	for _, h := range s.gone {
		one.Evidence = append(one.Evidence, h.ID+": on hold since "+show.Date(h.At)+", "+show.Escaped(h.Reason))
	}
	return []findings.Finding{one}
}
