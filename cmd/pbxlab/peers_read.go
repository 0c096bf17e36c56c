package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"pbxjail/cmd/internal/lab/madelog"
)

// reader is a program that reads a made log to its end.
type reader struct {
	name string
	slow bool // it gets the shorter log
	run  func(ctx context.Context, log string) (ran, int, error)
	// whole says that finding anything but the truth is a fault.
	whole bool
	list  []reading
}

// reading is one run over one log.
type reading struct {
	rate      float64 // thousand lines a second
	processor float64 // microseconds a line
	peak      int     // KiB
	found     int
}

// greps are the messages of the truth for grep and ripgrep, which share this form of
// expressions.
var greps = []string{
	`Registration from '[^']*' failed for '[^']+' - (Wrong password|No matching peer found|Username/auth name mismatch|Device does not match ACL)$`,
	`Call (from '[^']*' )?\(((UDP|TCP):)?[^ ]+\) to extension '[^']*' rejected because extension not found in context`,
	`Request '[^']*' from '.*' failed for '[^']+' \(callid: [^)]*\) - (No matching endpoint found|Failed to authenticate)`,
	`Host [^ ]+ failed MD5 authentication for|tried to authenticate with nonexistent user`,
	`SecurityEvent="(InvalidAccountID|ChallengeResponseFailed|InvalidPassword|FailedACL)".*,RemoteAddress="IPV[46]/[^/"]+/[^/"]+/[0-9]+"`,
}

func (o *peersBench) readers() (list []*reader, err error) {
	expressions := filepath.Join(o.dir, "expressions")
	if err := os.WriteFile(expressions, []byte(strings.Join(greps, "\n")+"\n"), 0o644); err != nil {
		return nil, err
	}
	offence := regexp.MustCompile(`(?m)^\d+ +(?:offence|ambiguous) `)
	number := regexp.MustCompile(`(?m)^(\d+)$`)
	counted := func(count *regexp.Regexp, command func(log string) *exec.Cmd) func(context.Context, string) (ran, int, error) {
		return func(ctx context.Context, log string) (ran, int, error) {
			r, err := o.measure(ctx, command(log))
			n := -1
			if m := count.FindSubmatch(r.out); m != nil {
				n, _ = strconv.Atoi(string(m[1]))
			}
			return r, n, err
		}
	}
	list = append(list,
		&reader{name: "pbxjail (`jailctl replay`)", whole: true, run: counted(regexp.MustCompile(`matched=(\d+)`), func(log string) *exec.Cmd {
			return exec.Command(o.jailctl, "replay", "--bans", "--config", o.path("pbxjail.yaml"), log)
		})},
		&reader{name: "pbxjail (`jailctl parse`)", whole: true, run: func(ctx context.Context, log string) (ran, int, error) {
			r, err := o.measure(ctx, exec.Command(o.jailctl, "parse", "--wide", "--config", o.path("pbxjail.yaml"), log))
			return r, len(offence.FindAllIndex(r.out, -1)), err
		}})
	for _, g := range []struct {
		name, program, locale string
		args                  []string
	}{
		{"grep -E", grep, o.locale, []string{"-cE", "-f", expressions}},
		{"grep -E, LC_ALL=C", grep, "C", []string{"-cE", "-f", expressions}},
		{"ripgrep", ripgrep, o.locale, []string{"-c", "-j1", "--no-config", "-f", expressions}},
	} {
		if root, ok := o.root(g.program); ok {
			list = append(list, &reader{name: g.name, whole: true, run: counted(number, func(log string) *exec.Cmd {
				cmd := o.command(root, g.program, append(g.args, log)...)
				cmd.Env = append(cmd.Env, "LC_ALL="+g.locale)
				return cmd
			})})
		}
	}
	if root, ok := o.root(fail2banRegex); ok {
		list = append(list, &reader{name: regexRow, slow: true, run: counted(regexp.MustCompile(`(\d+) matched`), func(log string) *exec.Cmd {
			return o.command(root, fail2banRegex, "-c", filepath.Join(root, "etc/fail2ban"), "--no-check-all", "--print-no-missed", "--print-no-ignored", log, filepath.Join(root, "etc/fail2ban/filter.d/asterisk.conf"))
		})})
	}
	if root, ok := o.root(sshguard); ok {
		list = append(list, &reader{name: "sshguard's parser", run: func(ctx context.Context, log string) (r ran, n int, err error) {
			f, err := os.Open(log)
			if err != nil {
				return r, 0, err
			}
			defer f.Close()
			cmd := o.command(root, sshguard)
			cmd.Stdin = f
			r, err = o.measure(ctx, cmd)
			return r, bytes.Count(r.out, []byte("\n")), err
		}})
	}
	if root, ok := o.root(crowdsec); ok {
		list = append(list, &reader{name: "CrowdSec", slow: true, run: func(ctx context.Context, log string) (ran, int, error) { return o.crowdsecReads(ctx, root, log) }})
	}
	return list, nil
}

// regexRow is what all others are compared with.
const regexRow = "fail2ban-regex"

func (o *peersBench) path(name string) string { return filepath.Join(o.dir, name) }

// read lets each program read the same logs, one after the other, round by round.
func (o *peersBench) read(ctx context.Context) error {
	if err := os.WriteFile(o.path("pbxjail.yaml"), []byte("enforcer: ipset\n"), 0o644); err != nil {
		return err
	}
	for _, kind := range []string{"full", "security"} {
		list, err := o.readers()
		if err != nil {
			return err
		}
		logs := map[bool]string{}
		truths := map[bool]madelog.Truth{}
		for slow, lines := range map[bool]int{false: o.lines, true: o.slowLines} {
			dir := o.path(fmt.Sprintf("%s-%d", kind, lines))
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			logs[slow] = filepath.Join(dir, kind) // a jail knows its log by its name
			if truths[slow], err = madelog.WriteFile(logs[slow], kind, lines); err != nil {
				return err
			}
		}
		for round := range o.rounds + 1 { // the first one warms up
			for _, r := range list {
				truth := truths[r.slow]
				got, n, err := r.run(ctx, logs[r.slow])
				if err != nil {
					return fmt.Errorf("%s: %w", r.name, err)
				}
				if round > 0 {
					r.list = append(r.list, reading{float64(truth.Lines) / got.wall.Seconds() / 1000, float64(got.processor.Microseconds()) / float64(truth.Lines), got.peak, n})
				}
			}
		}
		o.readTable(kind, list, truths)
	}
	return nil
}

func (o *peersBench) readTable(kind string, list []*reader, truths map[bool]madelog.Truth) {
	var than []reading
	for _, r := range list {
		if r.name == regexRow {
			than = r.list
		}
	}
	var rows [][]string
	for _, r := range list {
		truth := truths[r.slow]
		ratio := "-"
		if than != nil {
			var ratios []float64
			for i := range r.list {
				ratios = append(ratios, r.list[i].rate/than[i].rate)
			}
			ratio = fmt.Sprintf("%.3g", median(ratios))
		}
		n := r.list[0].found
		share := fmt.Sprintf("%.1f %%", 100*float64(n)/float64(truth.Attacks))
		if n == truth.Attacks {
			share = "all"
		} else if r.whole {
			share = o.mark(fmt.Sprintf("%d of %d", n, truth.Attacks))
		}
		rows = append(rows, []string{r.name, fmt.Sprint(truth.Lines), fmt.Sprintf("%.4g", medianOf(r.list, func(v reading) float64 { return v.rate })), ratio,
			fmt.Sprintf("%.2f", medianOf(r.list, func(v reading) float64 { return v.processor })), share,
			fmt.Sprintf("%.0f", medianOf(r.list, func(v reading) float64 { return mib(v.peak) }))})
	}
	slow := truths[true]
	o.markdown(fmt.Sprintf("Reading a log `%s`, one processor, medians of %d rounds (of %d lines %d are attacks)", kind, o.rounds, slow.Lines, slow.Attacks),
		[]string{"", "lines", "thousand lines/s", "× " + regexRow, "µs of processor a line", "attacks found", "MiB at most"}, rows)
}

func medianOf[T any](list []T, f func(T) float64) float64 {
	var all []float64
	for _, v := range list {
		all = append(all, f(v))
	}
	return median(all)
}
