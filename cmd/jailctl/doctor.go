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
		Short: "whether all is well, and what to do where it is not; --probe tries a ban out",
		Long: `doctor asks the daemon, and says of each part whether it is well.

With --probe it proves with packets that a ban drops them: it makes two network
namespaces of its own, in one of them the enforcer that the main file names, bans
test addresses, and knocks from the other with udp, tcp and icmp, in IPv4 and IPv6.
That needs root and no daemon, takes some seconds, and leaves nothing behind; no
rule of this host is touched, and none of its packets leaves the namespaces.

The exit status is 1 when something is wrong.`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if knock {
				return a.probe(c.Context(), config)
			}
			if config != "" {
				return usage("without --probe it is the daemon that knows", "--config goes with --probe")
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
		return control.Refuse(0, "what to do stands under each; jailctl status shows more", "%s", show.Count(bad, "problem"))
	}
	return nil
}

// diagnose judges what a daemon says of itself.
func (a *app) diagnose(s control.Status) diagnosis {
	list := []finding{
		well("daemon", "pbxjail %s, pid %d, up %s", s.Version, s.Pid, show.Brief(a.now().Sub(s.Since))),
		enforcing(s),
	}
	list = append(list, told(s)...)
	list = append(list, a.reads(s)...)
	if len(s.GeoIP.Files) == 0 {
		list = append(list, wrong("geoip", places(s.GeoIP), "give it a file: jailctl geoip update --from FILE|URL"))
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
			"when you trust what it would ban, start it without --observe, and without observe in the main file")
	}
	return wrong("enforcing", "packets pass: "+s.Enforcer, "see the problems, and the daemon's log; jailctl doctor --probe tries the enforcer out")
}

// told are the problems that the daemon itself tells, but for refused jails, which
// judges tells.
func told(s control.Status) (list []finding) {
	for _, p := range s.Problems {
		if !slices.ContainsFunc(s.Jails, func(j control.Jail) bool { return j.Problem == p.What }) {
			list = append(list, wrong(cmp.Or(p.About, "daemon"), p.What, p.Hint))
		}
	}
	return list
}

// reads tells of the logs that are there, and when each last had a line. What the daemon
// says is wrong with one stands there already.
func (a *app) reads(s control.Status) (list []finding) {
	there := 0
	for _, f := range s.Files {
		if f.Problem == control.NotThere {
			continue
		}
		there++
		if f.Problem != "" {
			list = append(list, wrong("log "+f.Path, f.Problem, "let the daemon read it; it goes on where it was"))
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
		return append(list, wrong("logs", "none is there: nothing can be seen",
			"write to logger.conf: messages => notice,warning,error and security => security, then: asterisk -rx 'logger reload'"))
	}
	return list
}

// judges tells which jails run, and which files were refused.
func judges(s control.Status) (list []finding) {
	var run []string
	for _, j := range s.Jails {
		switch {
		case j.Problem != "":
			hint := "jailctl check says what is wrong with it"
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
		return append(list, wrong("jails", "none runs: nobody is banned", "see jailctl check"))
	}
	return append([]finding{well("jails", "%s", strings.Join(run, ", "))}, list...)
}
