package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"pbxjail/cmd/internal/program"
	"pbxjail/cmd/internal/setup"
	"pbxjail/configs/fail2ban"
	"pbxjail/configs/hint"
	"pbxjail/configs/prefix"
	"pbxjail/jails"
	"pbxjail/parsers"
)

const (
	lastDay = 24 * time.Hour
	// mostLog is how much of the end of a log is replayed, and mostLogs of how many logs.
	mostLog  = 64 << 20
	mostLogs = 32
	// mostShown is how many addresses of a kind are printed.
	mostShown = 20
)

// importReplay is what both would have done with the last day of the logs.
type importReplay struct {
	Logs       []string          `json:"logs"`
	By         string            `json:"fail2ban_by"` // what found the failures of fail2ban: its own program, or its patterns here
	Both       []netip.Addr      `json:"both"`
	OnlyTheirs []netip.Addr      `json:"only_fail2ban"`
	OnlyOurs   []netip.Addr      `json:"only_pbxjail"`
	Why        map[string]string `json:"why"` // the protection of an address that only fail2ban bans; its jail of fail2ban otherwise
}

// replayImport plays the last day of the logs that are there through fail2ban's jails and
// through those that the plan makes. It returns nil when no log is there.
func (a *app) replayImport(ctx context.Context, dir, config string, p *importPlan) (*importReplay, error) {
	out := &importReplay{Why: map[string]string{}, By: "those of its patterns that pbxjail can read"}
	if program.There("fail2ban-regex") {
		out.By = "fail2ban-regex"
	}
	theirs := map[netip.Addr]string{}
	for _, t := range p.Jails {
		for _, log := range logsOf(t.Jail.Logs) {
			if !slices.Contains(out.Logs, log) && len(out.Logs) < mostLogs {
				out.Logs = append(out.Logs, log)
			}
			failures, err := a.failures(ctx, dir, t.Jail, log)
			if err != nil {
				return nil, err
			}
			for _, addr := range banned(t.Jail, failures) {
				theirs[addr] = t.Jail.Name
			}
		}
	}
	if len(out.Logs) == 0 {
		return nil, nil
	}
	ours, protected, err := a.replayPlan(config, p, out.Logs)
	if err != nil {
		return nil, err
	}
	for _, addr := range slices.SortedFunc(maps.Keys(theirs), netip.Addr.Compare) {
		if ours[addr] {
			out.Both = append(out.Both, addr)
			continue
		}
		out.OnlyTheirs = append(out.OnlyTheirs, addr)
		out.Why[addr.String()] = cmp.Or(protected[addr], "jail "+theirs[addr]+" of fail2ban")
	}
	for _, addr := range slices.SortedFunc(maps.Keys(ours), netip.Addr.Compare) {
		if theirs[addr] == "" {
			out.OnlyOurs = append(out.OnlyOurs, addr)
		}
	}
	return out, nil
}

// logsOf are the files that are there.
func logsOf(patterns []string) (files []string) {
	for _, pattern := range patterns {
		if !filepath.IsAbs(pattern) { // a unit of the journal, or nothing that fail2ban reads either
			continue
		}
		found, _ := filepath.Glob(pattern)
		files = append(files, found...)
	}
	return files
}

// failure is a line that a filter finds.
type failure struct {
	addr netip.Addr
	at   time.Time
}

// failures are what a jail of fail2ban finds in the last day of a log.
func (a *app) failures(ctx context.Context, dir string, j fail2ban.Jail, log string) ([]failure, error) {
	if program.There("fail2ban-regex") {
		out, err := program.Run(ctx, "fail2ban-regex", "-o", "row", log, filepath.Join(dir, "filter.d", j.Filter+".conf")+fail2ban.Written(j.Options))
		if err == nil {
			return rowsOf(out, a.lastDay(log)), nil
		}
		a.say("  note: fail2ban-regex failed for jail %s of fail2ban. The replay uses only the patterns of this jail that pbxjail understands: %v", j.Name, err)
	}
	f, err := fail2ban.LoadFilter(dir, j)
	if err != nil {
		return nil, nil // the plan says so
	}
	var patterns []*parsers.Pattern
	for _, p := range f.Patterns {
		if one, err := parsers.NewPattern(p.Regex); p.Regex != "" && err == nil {
			patterns = append(patterns, one)
		}
	}
	var list []failure
	clock := parsers.Clock{Zone: time.Local, Until: a.now()}
	from := a.lastDay(log)
	err = eachLine(log, func(line []byte) {
		for _, p := range patterns {
			if addr, ok := p.Find(line); ok {
				if at := clock.OfLine(line); !at.Before(from) {
					list = append(list, failure{addr, at})
				}
				return
			}
		}
	})
	return list, err
}

// lastDay is when the last day of a log begins: a day before it was last written.
func (a *app) lastDay(log string) time.Time {
	if info, err := os.Stat(log); err == nil {
		return info.ModTime().Add(-lastDay)
	}
	return a.now().Add(-lastDay)
}

// row is a line of fail2ban-regex --out row: ['ID', TIME, {...}]
// (fail2ban:client/fail2banregex.py).
var row = regexp.MustCompile(`^\['([^']{1,64})',\s*([0-9]{1,12})(?:\.[0-9]+)?,`)

func rowsOf(out []byte, from time.Time) (list []failure) {
	for line := range bytes.Lines(out) {
		found := row.FindSubmatch(bytes.TrimSpace(line))
		if found == nil {
			continue
		}
		addr, err := netip.ParseAddr(string(found[1]))
		seconds, wrong := strconv.ParseInt(string(found[2]), 10, 64)
		if at := time.Unix(seconds, 0); err == nil && wrong == nil && !at.Before(from) {
			list = append(list, failure{addr.Unmap(), at})
		}
	}
	return list
}

// eachLine calls do for each line at the end of a log. A line that is too long is left out.
func eachLine(log string, do func([]byte)) error {
	text, done, err := tailOf(log)
	if err != nil {
		return err
	}
	defer done()
	lines := bufio.NewScanner(text)
	lines.Buffer(make([]byte, 64<<10), 1<<20)
	for lines.Scan() {
		do(lines.Bytes())
	}
	return nil
}

// tailOf opens the end of a log.
func tailOf(log string) (io.Reader, func() error, error) {
	f, err := os.Open(log)
	if err != nil {
		return nil, nil, hint.Cannot(err)
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, nil, errors.Join(err, fmt.Errorf("%s is a folder, a device or a pipe, not a log", log))
	}
	text := bufio.NewReader(io.LimitReader(f, mostLog))
	if info.Size() > mostLog {
		if _, err := f.Seek(-mostLog, io.SeekEnd); err != nil {
			f.Close()
			return nil, nil, hint.Cannot(err)
		}
		text.ReadBytes('\n') // it may begin inside a line
	}
	return text, f.Close, nil
}

// banned are the addresses that reach maxretry within findtime, and are not ignored.
func banned(j fail2ban.Jail, failures []failure) (list []netip.Addr) {
	most, err := strconv.Atoi(strings.TrimSpace(j.Maxretry))
	if err != nil || most < 1 {
		most = 5 // jail.conf(5)
	}
	within, forever, err := fail2ban.Duration(j.Findtime)
	if err != nil {
		within = 10 * time.Minute
	}
	var ignored []netip.Prefix
	for _, word := range j.Ignoreip {
		if p, err := prefix.Parse(word); err == nil {
			ignored = append(ignored, p)
		}
	}
	times := map[netip.Addr][]time.Time{}
	for _, f := range failures {
		times[f.addr] = append(times[f.addr], f.at)
	}
	for addr, at := range times {
		slices.SortFunc(at, time.Time.Compare)
		for i := most - 1; i < len(at); i++ {
			if forever || at[i].Sub(at[i-most+1]) <= within {
				if !slices.ContainsFunc(ignored, func(p netip.Prefix) bool { return p.Contains(addr) }) {
					list = append(list, addr)
				}
				break
			}
		}
	}
	return list
}

// replayPlan plays logs through the jails that there are, and those of the plan.
func (a *app) replayPlan(config string, p *importPlan, logs []string) (ours map[netip.Addr]bool, protected map[netip.Addr]string, err error) {
	main, list, err := jailsOf(config, "", "")
	if err != nil {
		return nil, nil, err
	}
	for _, t := range p.Jails {
		if t.Text == "" {
			continue
		}
		spec, err := main.JailOf(t.File, []byte(t.Text))
		if err != nil {
			continue // the plan says so
		}
		one, err := jails.Compile(spec)
		if err != nil {
			return nil, nil, err
		}
		list = append(slices.DeleteFunc(list, func(j *jails.Jail) bool { return j.Name == one.Name }), one)
	}
	known, err := a.knowledge(main)
	if err != nil {
		return nil, nil, err
	}
	state := a.protections(main).Current()
	for _, word := range p.Ignore {
		if one, err := prefix.Parse(word); err == nil {
			state.Ignoreip = append(state.Ignoreip, one)
		}
	}
	r := jails.Replay{Judge: setup.Judge(main, list, state.Guard(), known, true), Zone: time.Local}
	var all []jails.Log
	oldest := a.now()
	for _, name := range logs {
		text, done, err := tailOf(name)
		if err != nil {
			return nil, nil, err
		}
		defer done()
		if from := a.lastDay(name); from.Before(oldest) {
			oldest = from
		}
		all = append(all, jails.Log{Name: name, Text: text, Until: a.now()})
	}
	ours, protected = map[netip.Addr]bool{}, map[netip.Addr]string{}
	err = r.Run(all, func(v jails.Verdict) {
		addr := v.Ban.Prefix.Addr()
		switch {
		case v.Ban.Since.Before(oldest):
		case v.Bans():
			ours[addr] = true
		case v.Protected != "":
			protected[addr] = "protected: " + v.Protected
		}
	})
	return ours, protected, err
}

// printReplay prints what both would have done.
func (a *app) printReplay(r *importReplay) {
	a.say("")
	a.say("who would be banned, by the last day of %s (for fail2ban, as %s finds it):", strings.Join(r.Logs, " "), r.By)
	for _, kind := range []struct {
		what string
		list []netip.Addr
	}{{"both ban", r.Both}, {"only fail2ban", r.OnlyTheirs}, {"only pbxjail", r.OnlyOurs}} {
		a.say("  %-14s %d", kind.what, len(kind.list))
		for i, addr := range kind.list {
			if i == mostShown {
				a.say("    and %d more addresses. To see all, add --json to the command", len(kind.list)-i)
				break
			}
			a.say("    %s", strings.TrimSpace(addr.String()+"  "+r.Why[addr.String()]))
		}
	}
}
