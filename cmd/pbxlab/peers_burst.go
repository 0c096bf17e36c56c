package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"pbxjail/cmd/internal/lab"
	"pbxjail/cmd/internal/lab/madelog"
)

// burst is what many attackers at once made of a rival.
type burst struct {
	rival
	leave             func() error
	attackers         int
	banned            int
	took, back        time.Duration
	broughtBack       int
	before, now, most int // memory, KiB
	processor         time.Duration
	rate              []float64 // kpps of an address that is not banned
}

// burstTime is how long a burst may take.
const burstTime = 100 * time.Second

// bursts lets many attackers come at once. Then packets pass what was set up, and the
// programs are started again in an empty kernel, as after a reboot.
func (o *peersBench) bursts(ctx context.Context) (err error) {
	rivals, err := o.rivals(false)
	if err != nil {
		return err
	}
	var list []*burst
	defer func() {
		for _, b := range list {
			err = errors.Join(err, b.leave())
		}
	}()
	for _, r := range rivals {
		b := &burst{rival: r, attackers: o.slowBurst}
		if b.leave, err = r.enter(); err != nil {
			return err
		}
		list = append(list, b)
		if err := r.start(ctx); err != nil {
			return err
		}
		if err := b.come(ctx); err != nil {
			return fmt.Errorf("%s: %w", r.name(), err)
		}
	}
	if err := o.passing(list); err != nil {
		return err
	}
	// Only pbxjail gets the large one: it would take the others minutes.
	ours := list[0]
	ours.attackers = o.burst
	for i, b := range list {
		if i == 0 && o.burst > o.slowBurst {
			if err := b.come(ctx); err != nil {
				return err
			}
		}
		if err := b.again(ctx); err != nil {
			return fmt.Errorf("%s: %w", b.name(), err)
		}
	}
	var rows [][]string
	for _, b := range list {
		rows = append(rows, []string{b.name(), fmt.Sprintf("%d of %d", b.banned, b.attackers), seconds(b.took), fmt.Sprintf("%.0f", float64(b.banned)/b.took.Seconds()),
			seconds(b.processor), fmt.Sprintf("%.1f", mib(b.before)), fmt.Sprintf("%.1f", mib(b.now)), fmt.Sprintf("%.1f", mib(b.most)), fmt.Sprintf("%d in %s", b.broughtBack, seconds(b.back))})
	}
	o.markdown("Attackers at once, each with the lines of a ban, in one write; then a start in an empty kernel",
		[]string{"", "banned", "after the write, s", "bans a second", "processor, s", "MiB before", "MiB then", "MiB at most", "back after a restart, s"}, rows)
	return nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()) }

// come writes the attackers that have not come yet, and waits until all are banned.
func (b *burst) come(ctx context.Context) error {
	var text strings.Builder
	there := b.count()
	for i := range b.lines() {
		for n := there; n < b.attackers; n++ {
			text.WriteString(b.line(madelog.Attacker(n), n*10+i))
		}
	}
	// What the start needed is given back by then.
	until(ctx, 3*time.Second, func() bool { return false })
	b.before, _, _ = b.memory()
	used := b.used()
	if err := appendTo(b.log(), text.String()); err != nil {
		return err
	}
	begin := time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for b.banned = there; b.banned < b.attackers && time.Since(begin) < burstTime && ctx.Err() == nil; <-tick.C {
		b.banned = b.count()
		b.took = time.Since(begin)
	}
	b.processor = b.used() - used
	var err error
	b.now, b.most, err = b.memory()
	return err
}

// memory is that of all its processes.
func (b *burst) memory() (now, most int, err error) {
	for _, pid := range b.processes() {
		n, m, err := memory(pid)
		if err != nil {
			return 0, 0, err
		}
		now, most = now+n, most+m
	}
	return now, most, nil
}

// used is the processor of its processes and of the programs that they started and waited for.
func (b *burst) used() (sum time.Duration) {
	for _, pid := range b.processes() {
		sum += processorOf(pid)
	}
	return sum
}

// again ends it, and starts it in a new lab.
func (b *burst) again(ctx context.Context) error {
	// The ledger is written behind the bans.
	until(ctx, 2*time.Second, func() bool { return false })
	if err := b.stop(); err != nil {
		return err
	}
	if err := b.leave(); err != nil {
		return err
	}
	b.leave = func() error { return nil }
	leave, err := b.enter()
	if err != nil {
		return err
	}
	b.leave = leave
	begin := time.Now()
	started := make(chan error, 1)
	go func() { started <- b.start(ctx) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for b.broughtBack < b.banned && time.Since(begin) < burstTime && ctx.Err() == nil {
		<-tick.C
		b.broughtBack = b.count()
		b.back = time.Since(begin)
	}
	return <-started
}

// passing sends packets of an address that is not banned past the bans of each, in turn.
func (o *peersBench) passing(list []*burst) (err error) {
	empty, err := lab.New()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, empty.Close()) }()
	bare := &burst{}
	for range o.rounds {
		for _, b := range append([]*burst{bare}, list...) {
			n := empty
			if b.rival != nil {
				n = b.lab()
			}
			through, took, err := n.FloodTo(passerby, lab.Port, o.packets)
			if err != nil {
				return err
			}
			b.rate = append(b.rate, float64(through)/took.Seconds()/1000)
		}
	}
	var rows [][]string
	for _, b := range append([]*burst{bare}, list...) {
		name, bans := "no firewall", "-"
		if b.rival != nil {
			name, bans = b.name(), fmt.Sprint(b.banned)
		}
		kpps := median(b.rate)
		rows = append(rows, []string{name, bans, fmt.Sprintf("%.1f", kpps), fmt.Sprintf("%.0f", 1e6/kpps), fmt.Sprintf("%+.0f", 1e6/kpps-1e6/median(bare.rate))})
	}
	o.markdown(fmt.Sprintf("A packet to SIP's port from an address that is not banned, medians of %d rounds of %d", o.rounds, o.packets),
		[]string{"", "bans", "thousand packets/s", "ns a packet", "of it for the bans"}, rows)
	return nil
}

// processorOf is what a process and the children that it waited for have used
// (proc_pid_stat(5): utime, stime, cutime, cstime, in hundredths of a second).
func processorOf(pid int) (sum time.Duration) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(text), ") ")
	if f := strings.Fields(after); len(f) > 14 {
		for _, field := range f[11:15] {
			n, _ := strconv.Atoi(field)
			sum += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return sum
}
