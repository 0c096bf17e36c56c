package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

func (a *app) doctorVerb() *cobra.Command {
	var config string
	var knock bool
	c := &cobra.Command{
		Use:   "doctor [--probe]",
		Short: "find problems and say what to do; --probe tests a ban with packets",
		Long: `doctor asks the daemon about each of its parts, and prints ok or a problem with a hint.

With --probe it proves with packets that a ban drops them: it makes two network
namespaces of its own, in one of them the enforcer that the main file names, bans
test addresses, and sends packets from the other with udp, tcp and icmp, in IPv4 and
IPv6. That needs root and no daemon, takes some seconds, and leaves nothing behind. No
rule of this host is changed, and no packet leaves the namespaces.

The exit status is 1 when something is wrong.`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if knock {
				return a.probe(c.Context(), config)
			}
			if config != "" {
				return usage("leave --config out, or add --probe", "--config is only for --probe")
			}
			s, err := a.client().Status(c.Context())
			if err != nil {
				return a.tell(diagnosis{[]finding{wrong("daemon", err.Error(), hint.Of(err))}})
			}
			return a.tell(a.diagnose(s))
		},
	}
	c.Flags().BoolVar(&knock, "probe", false, "prove in namespaces of its own that a ban drops packets")
	configFlag(c, &config)
	return c
}

// diagnosis is what doctor prints.
type diagnosis struct {
	Findings []finding `json:"findings"`
}

// finding is one thing that was looked at.
type finding struct {
	About string `json:"about"`
	OK    bool   `json:"ok"`
	What  string `json:"what"`
	Hint  string `json:"hint"`
}

func well(about, format string, args ...any) finding {
	return finding{About: about, OK: true, What: fmt.Sprintf(format, args...)}
}

func wrong(about, what, hint string) finding { return finding{About: about, What: what, Hint: hint} }

// tell prints what was found; what is wrong makes it an error.
func (a *app) tell(d diagnosis) error {
	bad := 0
	for _, f := range d.Findings {
		if !f.OK {
			bad++
		}
	}
	if a.json {
		if err := a.emit(d); err != nil {
			return err
		}
	} else {
		for _, f := range d.Findings {
			state := "ok     "
			if !f.OK {
				state = "problem"
			}
			a.say("%s  %s: %s", state, f.About, f.What)
			if f.Hint != "" {
				a.say("   hint: %s", f.Hint)
			}
		}
	}
	if bad > 0 {
		return control.Refuse(0, "see the hint under each problem; jailctl status shows more", "%s", show.Count(bad, "problem"))
	}
	return nil
}

// diagnose judges what a daemon says of itself.
func (a *app) diagnose(s control.Status) diagnosis {
	list := []finding{
		well("daemon", "pbxjail %s, pid %d, up %s", s.Version, s.Pid, show.Brief(a.now().Sub(s.Since))),
		enforcing(s),
	}
	list = append(list, reported(s)...)
	list = append(list, a.reads(s)...)
	if len(s.GeoIP.Files) == 0 {
		list = append(list, wrong("geoip", places(s.GeoIP), "fetch a database: jailctl geoip update --from FILE|URL"))
	} else {
		one := well("geoip", "%s", places(s.GeoIP))
		one.Hint = aged(s.GeoIP)
		list = append(list, one)
	}
	list = append(list, a.sees(s.Wire)...)
	return diagnosis{append(list, judges(s)...)}
}

func enforcing(s control.Status) finding {
	switch {
	case s.Enforcing:
		return well("enforcing", "%s; %s", s.Enforcer, show.Count(s.Bans, "ban"))
	case strings.HasPrefix(s.Enforcer, "observe"):
		return wrong("enforcing", "packets pass: "+s.Enforcer,
			"to enforce the bans, set observe: false in the main file, and start pbxjail without --observe")
	}
	return wrong("enforcing", "packets pass: "+s.Enforcer, "see the other problems, and the daemon's log; jailctl doctor --probe tests the enforcer")
}

// reported are the problems that the daemon itself reports, without those of refused jails:
// judges reports them.
func reported(s control.Status) (list []finding) {
	for _, p := range s.Problems {
		if !slices.ContainsFunc(s.Jails, func(j control.Jail) bool { return j.Problem == p.What }) {
			list = append(list, wrong(cmp.Or(p.About, "daemon"), p.What, p.Hint))
		}
	}
	return list
}

// reads reports the logs that exist, and when each last had a line. Problems of a log that
// the daemon reports are in the list already.
func (a *app) reads(s control.Status) (list []finding) {
	there := 0
	for _, f := range s.Files {
		if f.Problem == control.NotThere {
			continue
		}
		there++
		if f.Problem != "" {
			list = append(list, wrong("log "+f.Path, f.Problem, "give the daemon the right to read it; it continues at its last position"))
			continue
		}
		last := "no line yet"
		if f.LastLine != nil {
			last = fmt.Sprintf("last line %s, %s, %s", a.ago(*f.LastLine), show.Count(int(f.Lines), "line"), show.Count(int(f.Records), "record"))
		}
		about := "log " + f.Path
		if !slices.ContainsFunc(s.Problems, func(p control.Problem) bool { return p.About == about }) {
			list = append(list, well(about, "%s", cmp.Or(f.Finding, last)))
		}
	}
	if there == 0 {
		return append(list, wrong("logs", "no log exists: no attack can be seen",
			"write to logger.conf: messages => notice,warning,error and security => security, then: asterisk -rx 'logger reload'"))
	}
	return list
}

// judges reports which jails run, and which files are refused.
func judges(s control.Status) (list []finding) {
	var run []string
	for _, j := range s.Jails {
		switch {
		case j.Problem != "":
			hint := "jailctl check shows the mistake"
			for _, p := range s.Problems {
				if p.What == j.Problem && p.Hint != "" {
					hint = p.Hint
				}
			}
			list = append(list, wrong("jail "+j.Name, "its file is refused: "+j.Problem, hint))
		case j.Enabled && j.Observe:
			run = append(run, j.Name+" (observes)")
		case j.Enabled:
			run = append(run, j.Name)
		}
	}
	if len(run) == 0 {
		return append(list, wrong("jails", "no jail runs: no address is banned", "see jailctl check"))
	}
	return append([]finding{well("jails", "%s", strings.Join(run, ", "))}, list...)
}
