package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/explain"
	"pbxjail/cmd/internal/logs"
	"pbxjail/cmd/internal/setup"
	"pbxjail/configs"
	"pbxjail/configs/show"
	"pbxjail/jails"
	"pbxjail/watcher/wire"
)

// fallen is a ban that would have been made.
type fallen struct {
	Time      time.Time    `json:"time"`
	Prefix    netip.Prefix `json:"prefix"`
	Jail      string       `json:"jail"`
	Until     *time.Time   `json:"until"` // null: forever
	Strike    int          `json:"strike"`
	Evidence  string       `json:"evidence"`
	Reason    string       `json:"reason"`
	Protected string       `json:"protected"` // why it is not banned, or ""
	Observe   bool         `json:"observe"`   // the jail only observes
	Lines     []string     `json:"lines"`     // quoted

	Records []control.WhyLine `json:"records,omitempty"` // with --explain: the lines, with what made their points
	Sum     *control.Sum      `json:"sum,omitempty"`     // and how these add up
}

type replayFlags struct {
	config, jails, compare string
	asterisk               string
	own                    []string
	bans, explain          bool
}

func (a *app) replayVerb() *cobra.Command {
	var f replayFlags
	c := &cobra.Command{
		Use:   "replay FILE...",
		Short: "print the bans that logs and packet traces would have led to; needs no daemon",
		Long: `replay reads logs and packet traces (plain or gzip), merged by time, and prints each
ban that pbxjail would have made, at the time that the logs say. It touches no firewall.
A jail reads a log if it has the name of one of the jail's logs. A log with any other name
is read by every jail.

A trace is a file of tcpdump, sngrep or Wireshark (pcap or pcapng), with any name. It needs
no log beside it. Capture whole packets, in both directions: tcpdump -i any -s 0 -w FILE
--own names the addresses of the PBX; without --own, replay guesses them and prints them.
Dates in logs are in local time. If the PBX has another time zone, write TZ in front:
TZ=Europe/Dublin jailctl replay FILE
The last line on stderr has the counts: lines=N matched=N ambiguous=N bans=N, and packets=N`,
		Args: atLeast("FILE"),
		RunE: func(c *cobra.Command, files []string) error {
			if f.compare != "" {
				return a.compareJails(f, files)
			}
			return a.replay(c.Context(), f, files)
		},
	}
	c.Flags().StringVar(&f.config, "config", "", "main file (default "+configs.DefaultMain+", where it exists)")
	c.Flags().StringVar(&f.jails, "jails", "", "folder of jail files, in place of the one in the main file")
	c.Flags().StringVar(&f.asterisk, "asterisk", "", "folder of Asterisk's own files, in place of the one in the main file; trunks in these files are protected")
	c.Flags().StringArrayVar(&f.own, "own", nil, "an address of the PBX itself: never banned, and its side of a trace; may be repeated")
	c.Flags().BoolVar(&f.bans, "bans", false, "print only the banned addresses and networks, one in each line")
	c.Flags().BoolVar(&f.explain, "explain", false, "print with each ban its records, their points and factors, and how they add up")
	c.Flags().StringVar(&f.compare, "compare", "", "another folder of jail files: print what it would change")
	return c
}

func (a *app) replay(ctx context.Context, f replayFlags, files []string) error {
	_, terminal := sizeOf(a.stdout)
	end := a.startProgress(ctx)
	out := bufio.NewWriterSize(a.stdout, 64<<10)
	if !terminal {
		a.stdout = out
	}
	counts, packets, err := a.run(f, files, func(v jails.Verdict) { a.printVerdict(v, f) })
	out.Flush() // the writer below it remembers an error
	err = cmp.Or(err, end())
	if err == nil || counts.Lines > 0 || packets > 0 {
		seen := ""
		if packets > 0 {
			seen = fmt.Sprintf(" packets=%d", packets)
		}
		a.complain("lines=%d matched=%d ambiguous=%d bans=%d%s", counts.Lines, counts.Matched, counts.Ambiguous, counts.Bans, seen)
	}
	return err
}

// run plays logs and traces through the jails that the flags name.
func (a *app) run(f replayFlags, files []string, decide func(jails.Verdict)) (counts jails.Counts, packets uint64, err error) {
	var logs []jails.Log
	var traces traces
	for _, name := range files {
		text, until, closeLog, err := a.openLog(name)
		if err != nil {
			return counts, 0, err
		}
		defer closeLog()
		if magic, _ := text.Peek(wire.MagicLen); !wire.IsTrace(magic) {
			logs = append(logs, jails.Log{Name: name, Text: text, Until: until})
		} else if err := traces.open(name, text); err != nil {
			return counts, 0, err
		}
	}
	own, err := a.ownAddrs(f, &traces)
	if err != nil {
		return counts, 0, err
	}
	judge, err := a.judge(f, own)
	if err != nil {
		return counts, 0, err
	}
	r := jails.Replay{Judge: judge, Zone: time.Local, Traces: traces.start(judge, own)}
	err = r.Run(logs, decide)
	if n := judge.Evicted(); n > 0 {
		a.complain("note: there were too many addresses, so %d of them were forgotten too early. To replay all, write a larger max_addresses into the main file", n)
	}
	traces.report(a, r.Dates)
	return r.Counts, traces.packets(), err
}

// judge builds what the daemon would, from the same files and by the same code. A jail file
// that the daemon would refuse is an error here.
func (a *app) judge(f replayFlags, own []netip.Addr) (*jails.Judge, error) {
	main, list, err := jailsOf(f.config, f.jails, f.asterisk)
	if err != nil {
		return nil, err
	}
	known, err := a.knowledge(main)
	if err != nil {
		return nil, err
	}
	state := a.protections(main).Current()
	state.Own = append(state.Own, own...)
	return setup.Judge(main, list, state.Guard(), known, true), nil
}

// foundLogs are the logs that Asterisk's own files name: a jail follows them too.
func foundLogs(main *configs.Main) logs.Found {
	hostname, _ := os.Hostname()
	return logs.Find([]string{main.Asterisk}, hostname)
}

// jailsOf reads the main file (the default one where it exists, when config is "") and
// the jails of its folder, or of the one named.
func jailsOf(config, folder, asterisk string) (*configs.Main, []*jails.Jail, error) {
	main, err := mainOf(config, folder)
	if err != nil {
		return nil, nil, err
	}
	if asterisk != "" {
		main.Asterisk = asterisk
	}
	specs, bad := main.LoadJails()
	var errs []error
	for _, err := range bad {
		errs = append(errs, err)
	}
	var list []*jails.Jail
	found := foundLogs(main)
	for _, spec := range specs {
		found.AddTo(spec)
		j, err := jails.Compile(spec)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		list = append(list, j)
	}
	return main, list, errors.Join(errs...)
}

func (a *app) printVerdict(v jails.Verdict, f replayFlags) {
	b := v.Ban
	banned := v.Bans()
	switch {
	case f.bans:
		if banned {
			fmt.Fprintln(a.stdout, b.Prefix)
		}
	case a.json:
		a.printFallen(v, f.explain)
	default:
		a.say("%s", a.verdictLine(v, banned))
		if f.explain {
			a.printLines("", explain.Lines(b.Jail, b.Lines), explain.Sum(b.Sum))
			a.say("")
		}
	}
}

func (a *app) printFallen(v jails.Verdict, why bool) {
	b, f := v.Ban, fallenOf(v)
	for _, l := range b.Lines {
		f.Lines = append(f.Lines, l.Text.Quoted())
	}
	if why {
		f.Records, f.Sum = explain.Lines(b.Jail, b.Lines), explain.Sum(b.Sum)
	}
	if line, err := json.Marshal(f); err == nil {
		a.stdout.Write(append(asciiJSON(line), '\n'))
	}
}

func fallenOf(v jails.Verdict) *fallen {
	b := v.Ban
	return &fallen{
		Time: b.Since, Prefix: b.Prefix, Jail: b.Jail, Until: control.Moment(b.Until), Strike: b.Strike,
		Evidence: b.Evidence.String(), Reason: b.Reason, Protected: v.Protected, Observe: v.Observe,
	}
}

func (a *app) verdictLine(v jails.Verdict, banned bool) string {
	b := v.Ban
	what := "ban"
	switch {
	case v.Alarm:
		return fmt.Sprintf("%s  alarm %s: %s", a.stamp(b.Since), show.Address(b.Prefix), b.Reason)
	case v.Protected != "":
		what = "protected (" + v.Protected + ")"
	case !banned:
		what = "observed"
	}
	length := "forever"
	if !b.Until.IsZero() {
		length = "for " + show.Duration(b.Until.Sub(b.Since))
	}
	rule := ""
	if n := len(b.Lines); n > 0 {
		rule = "; last: " + b.Lines[n-1].Rule
	}
	return fmt.Sprintf("%s  %s %s by %s %s, strike %d, %s: %s%s", a.stamp(b.Since), what, show.Address(b.Prefix), b.Jail, length, b.Strike, b.Evidence, b.Reason, rule)
}
