package main

import (
	"cmp"
	"crypto/rand"
	"os"
	"os/user"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/host"
	"pbxjail/cmd/internal/recordings"
	"pbxjail/configs"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

func (a *app) recordingsVerb() *cobra.Command {
	page, _ := topic("call-recordings") // jailctl help recordings shows it, and the verbs
	c := &cobra.Command{
		Use:   "recordings",
		Short: "recordings of calls and voicemail (GDPR): list, delete by age, hold for a court, report",
		Long:  page,
		Args:  cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("to see all recordings: jailctl recordings list; to see the verbs: jailctl help recordings", "recordings needs a verb")
			}
			return noVerb(c, args)
		},
		SuggestionsMinimumDistance: 2,
	}
	c.AddCommand(a.recordingsListVerb(), a.recordingsExpireVerb(), a.recordingsHoldVerb(), a.recordingsReleasedVerb(), a.recordingsTrailVerb(), a.recordingsReportVerb())
	for _, sub := range c.Commands() {
		sub.ValidArgsFunction = cobra.NoFileCompletions
	}
	return c
}

// archive is what the verbs of recordings work on: the policy, and where recordings are.
type archive struct {
	machine *recordings.Machine
	policy  recordings.Policy
	main    *configs.Main
	state   string
	folders []recordings.Folder
	holds   []recordings.Hold
	unknown error // why the holds cannot be read; nil
}

// archive reads the main file and looks for the folders. No daemon is asked.
func (a *app) archive(config string) (*archive, error) {
	main, err := configs.LoadMain(cmp.Or(config, configs.DefaultMain), config != "")
	if err != nil {
		a.problem(err)
		return nil, control.Refuse(0, "correct the main file: jailctl check shows its problems", "the policy for recordings cannot be read")
	}
	r := main.Recordings
	v := &archive{
		main: main, state: r.State,
		machine: &recordings.Machine{Asterisk: main.Asterisk, Now: a.now(), Zone: time.Local, UID: os.Geteuid(), Synced: recordings.Synchronised()},
		policy:  recordings.Policy{Retention: r.Retention, Voicemail: r.Voicemail, Folders: r.Folders, KeepTrail: r.KeepTrail},
	}
	v.folders = v.machine.Folders(v.policy)
	v.holds, v.unknown = v.machine.Holds(v.state)
	return v, nil
}

// caller is who runs this program, for the trail.
func caller() recordings.By {
	by := recordings.By{UID: os.Getuid(), PID: os.Getpid(), Sudo: os.Getenv("SUDO_USER")}
	by.User = loginName(by.UID)
	s := host.SessionOf("/proc", host.Sessions, by.PID)
	if s.Login >= 0 && s.Login != by.UID {
		by.Login = cmp.Or(loginName(s.Login), "uid "+strconv.Itoa(s.Login))
	}
	if s.Remote.IsValid() {
		by.SSH, by.SSHFrom = s.Remote, "session"
	} else if addr, ok := host.Caller(); ok {
		by.SSH, by.SSHFrom = addr, "caller"
	}
	return by
}

// loginName is the name of a user; "" when it has none.
func loginName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return ""
}

// runName names a run in the trail.
func runName() string { return rand.Text()[:12] }

// accounts are names of users and groups, each looked up once.
type accounts struct{ users, groups map[uint32]string }

func newAccounts() *accounts { return &accounts{map[uint32]string{}, map[uint32]string{}} }

func (n *accounts) user(id uint32) string {
	name, ok := n.users[id]
	if !ok {
		name = cmp.Or(loginName(int(id)), strconv.Itoa(int(id)))
		n.users[id] = name
	}
	return name
}

func (n *accounts) group(id uint32) string {
	name, ok := n.groups[id]
	if !ok {
		name = strconv.Itoa(int(id))
		if g, err := user.LookupGroupId(name); err == nil {
			name = g.Name
		}
		n.groups[id] = name
	}
	return name
}

// passedOver says on stderr what a scan did not look at. What could not be read is an error.
func (a *app) passedOver(s recordings.Skipped) error {
	for _, err := range s.Problems {
		a.complain("%s", show.Escaped(err.Error()))
		if do := hint.Of(err); do != "" {
			a.complain("  hint: %s", show.Escaped(do))
		}
	}
	if more := s.More - len(s.Problems); more > 0 {
		a.complain("and %d more", more)
	}
	if s.Deep > 0 {
		a.complain("%s skipped: too deep below the folder of the recordings", show.Count(s.Deep, "folder"))
	}
	if s.More > 0 {
		return control.Refuse(0, "run jailctl recordings as root", "%s could not be looked at", show.Count(s.More, "folder or file"))
	}
	return nil
}

// theOne is the recording that a text names.
func (a *app) theOne(c *cobra.Command, v *archive, text string) (*recordings.Recording, error) {
	if !recordings.IsID(text) && (text == "" || text[0] != '/') {
		return nil, notID(text)
	}
	found, skipped, err := v.machine.Find(c.Context(), v.folders, text)
	if err != nil {
		return nil, err
	}
	switch len(found) {
	case 1:
		return &found[0], nil
	case 0:
		_ = a.passedOver(skipped) // what was not looked at may have it
		return nil, control.Refuse(0, "to see all IDs: jailctl recordings list", "there is no recording %s", show.Word(text, 200))
	}
	for i := range found {
		a.complain("%s  %s", found[i].ID, show.Escaped(found[i].Path()))
	}
	return nil, usage("write one of these IDs in full, or the whole path of the file", "%s begins the ID of several recordings", show.Word(text, 200))
}

func notID(text string) error {
	return usage("write an ID of jailctl recordings list, at least its first "+number(recordings.LeastID)+" letters, or the whole path of the file", "%s is not the ID of a recording", show.Word(text, 200))
}

// retention is how long something is kept, for people.
func retention(d time.Duration) string {
	if d == 0 {
		return "kept without end"
	}
	return "kept for " + show.Duration(d)
}

// holdOf is the hold whose ID begins with a text.
func holdOf(holds []recordings.Hold, text string) []string {
	var ids []string
	for _, h := range recordings.FindHolds(holds, text) {
		ids = append(ids, h.ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// bytesText is a size for people: 5 B, 1.4 kB, 2.0 MB.
func bytesText(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	size, unit := float64(n)/1000, 0
	for size >= 1000 && unit < len("kMGTPE")-1 {
		size, unit = size/1000, unit+1
	}
	return strconv.FormatFloat(size, 'f', 1, 64) + " " + "kMGTPE"[unit:unit+1] + "B"
}
