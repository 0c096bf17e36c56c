package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// What is required of a daemon that has nothing to do, on a quiet machine.
const (
	mostIdle       = 0.1      // percent of a core
	mostIdleMemory = 25 << 10 // KiB
)

// idleBench is how the daemon is measured while nothing happens.
type idleBench struct {
	pbxjail, jailctl string
	settle, length   time.Duration
	more             string // lines of the main file
	rounds           int
}

func benchIdleVerb() *cobra.Command {
	// Ten seconds after its start the daemon gives back what the start needed.
	o := idleBench{settle: 12 * time.Second, length: 30 * time.Second, rounds: 1}
	c := &cobra.Command{
		Use:   "bench-idle",
		Short: "measure the daemon without traffic: processor, how often it wakes up, and memory",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return o.run(c.Context(), c.OutOrStdout()) },
	}
	programFlags(c, &o.pbxjail, &o.jailctl)
	c.Flags().DurationVar(&o.settle, "settle", o.settle, "how long after the start the measurement begins")
	c.Flags().DurationVar(&o.length, "length", o.length, "how long it takes")
	c.Flags().IntVar(&o.rounds, "rounds", o.rounds, "how often; the daemon runs on between them")
	c.Flags().StringVar(&o.more, "config", "", "more lines of the main file, such as 'wire: {enabled: false}'")
	return c
}

func (o idleBench) run(ctx context.Context, out io.Writer) (err error) {
	m, g, leave, err := oneGuard(ctx, out, o.pbxjail, o.jailctl, o.more+"\n")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	m.title("no traffic, shipped jails, %s each", o.length)
	t := m.table("PROCESSOR", "WAKE-UPS A SECOND", "VMRSS", "OF IT ANONYMOUS", "VMHWM")
	until(ctx, o.settle, g.gone)
	for range o.rounds {
		before, err := usedBy(g.daemon.Process.Pid)
		if err != nil {
			return err
		}
		begin := time.Now()
		until(ctx, o.length, g.gone)
		took := time.Since(begin).Seconds()
		after, err := usedBy(g.daemon.Process.Pid)
		if err != nil {
			return errors.Join(err, ctx.Err())
		}
		share := 100 * (after.processor - before.processor).Seconds() / took
		fmt.Fprintf(t, "%s\t%.1f\t%s\t%.1f MiB\t%.1f MiB\n",
			m.required(fmt.Sprintf("%.3f %%", share), share <= mostIdle), float64(after.wakeUps-before.wakeUps)/took,
			m.required(fmt.Sprintf("%.1f MiB", mib(after.rss)), after.rss <= mostIdleMemory), mib(after.anonymous), mib(after.most))
	}
	return t.Flush()
}

// oneGuard is a daemon that runs with the shipped jails and with more lines of the main
// file, and who measures it. leave ends it and removes its files.
func oneGuard(ctx context.Context, out io.Writer, pbxjail, jailctl, more string) (m *measurer, g *guard, leave func() error, err error) {
	for _, program := range []*string{&pbxjail, &jailctl} {
		if *program, err = found(*program); err != nil {
			return nil, nil, nil, err
		}
	}
	m = &measurer{benchOptions: benchOptions{pbxjail: pbxjail, jailctl: jailctl}, report: report{out: out}}
	if m.dir, err = os.MkdirTemp("", "pbxlab-"); err != nil {
		return nil, nil, nil, err
	}
	remove := func() error { return os.RemoveAll(m.dir) }
	g, end, err := m.newGuard("guard", "auto")
	if err != nil {
		return nil, nil, nil, errors.Join(err, remove())
	}
	leave = func() error { return errors.Join(end(), remove()) }
	if err := errors.Join(g.configure(more), m.ready(ctx, g)); err != nil {
		return nil, nil, nil, errors.Join(err, leave())
	}
	return m, g, leave, nil
}

// usage is what a process has used since its start.
type usage struct {
	processor            time.Duration
	wakeUps              int // how often a thread waited, and was woken up
	rss, anonymous, most int // KiB
}

// usedBy asks proc(5): schedstat counts nanoseconds, where stat counts ticks. Interrupts that
// come while the process runs are in it, unless the kernel counts them apart
// (CONFIG_IRQ_TIME_ACCOUNTING).
func usedBy(pid int) (u usage, err error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/[1-9]*", pid))
	if len(tasks) == 0 {
		return u, errors.Join(fmt.Errorf("process %d is gone", pid), err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile(filepath.Join(task, "schedstat"))
		if err != nil { // the thread has ended
			continue
		}
		first, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return u, fmt.Errorf("%s/schedstat has another form", task)
		}
		u.processor += time.Duration(ns)
		u.wakeUps += statusNumbers(task)["voluntary_ctxt_switches:"]
	}
	own := statusNumbers(fmt.Sprintf("/proc/%d", pid))
	u.rss, u.anonymous, u.most = own["VmRSS:"], own["RssAnon:"], own["VmHWM:"]
	return u, nil
}

// statusNumbers are the lines of a status file that hold a number (proc_pid_status(5)),
// memory in KiB.
func statusNumbers(process string) map[string]int {
	numbers := map[string]int{}
	text, _ := os.ReadFile(filepath.Join(process, "status")) // a thread may end at any time
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 {
			if n, err := strconv.Atoi(f[1]); err == nil {
				numbers[f[0]] = n
			}
		}
	}
	return numbers
}
