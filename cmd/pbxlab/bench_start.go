package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// benchLog is the log that is written to.
const benchLog = "security"

// wrongPassword is a wrong password, as res_security_log writes it.
const wrongPassword = `[%s] SECURITY[23210] res_security_log.c: SecurityEvent="ChallengeResponseFailed",EventTV="%s",Severity="Error",Service="PJSIP",EventVersion="1",AccountID="%d",SessionID="7fb8dc26be80",LocalAddress="IPV4/UDP/192.0.2.10/5060",RemoteAddress="%s/UDP/%s/41033",Challenge="1795721545/7676979f",Response="78415958d4d2e482f7cd699e855703b6",ExpectedResponse=""` + "\n"

// attack appends five wrong passwords of each of the next attackers to the log, in
// one write, and returns the first of them. Mixed they come as from a botnet:
// everybody's first, everybody's second, and so on.
func (m *measurer) attack(g *guard, attackers int, mixed bool) (first int, err error) {
	var text bytes.Buffer
	now := time.Now()
	line := func(nth, try int) {
		addr, family := bot(nth), "IPV4"
		if addr.Is6() {
			family = "IPV6"
		}
		fmt.Fprintf(&text, wrongPassword, now.Format(time.DateTime), now.UTC().Format("2006-01-02T15:04:05.000+0000"), 1000+(nth*5+try)%8999, family, addr)
	}
	first, m.next = m.next, m.next+attackers
	for i := range 5 * attackers {
		if mixed {
			line(first+i%attackers, i/attackers)
		} else {
			line(first+i/5, i%5)
		}
	}
	return first, appendTo(filepath.Join(g.logs(), benchLog), text.String())
}

// start is what one restart came to.
type start struct {
	ipset    time.Duration // that ipset restore took for the same list
	followed time.Duration // from the start until the first line of a log was read
	all      time.Duration // until every ban was in the kernel
	live     time.Duration // until an attack that came right after the start was banned
	slowest  time.Duration // from the lines of an attack to its ban, while bans were restored
	now, top int           // memory, KiB
}

func (m *measurer) restarts(ctx context.Context) error {
	if err := m.needLedger(ctx); err != nil {
		return err
	}
	m.title("restart in an empty kernel: %d bans come back, while new attackers come", m.bans)
	var list []start
	t := m.table("ROUND", "IPSET RESTORE", "ALL RESTORED", "RATIO", "FIRST LINE READ", "FIRST ATTACK BANNED", "SLOWEST LATER", "VMRSS", "VMHWM")
	for range m.rounds {
		s, err := m.restart(ctx)
		if err != nil {
			return err
		}
		list = append(list, s)
		fmt.Fprintf(t, "%d\t%s\t%s\t%.2f\t%s\t%s\t%s\t%.1f MiB\t%.1f MiB\n", len(list), millis(s.ipset), millis(s.all), s.ratio(), millis(s.followed), millis(s.live), millis(s.slowest), mib(s.now), mib(s.top))
	}
	pick := func(f func(start) time.Duration) time.Duration {
		var all []time.Duration
		for _, s := range list {
			all = append(all, f(s))
		}
		return median(all)
	}
	var ratios []float64
	var now, top []int
	for _, s := range list {
		ratios, now, top = append(ratios, s.ratio()), append(now, s.now), append(top, s.top)
	}
	followed := pick(func(s start) time.Duration { return s.followed })
	live := pick(func(s start) time.Duration { return s.live })
	fmt.Fprintf(t, "median\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.1f MiB\n",
		millis(pick(func(s start) time.Duration { return s.ipset })), millis(pick(func(s start) time.Duration { return s.all })),
		m.required(fmt.Sprintf("%.2f", median(ratios)), median(ratios) <= mostRestore),
		m.required(millis(followed), followed <= mostFollowed), m.required(millis(live), live <= mostLive), millis(pick(func(s start) time.Duration { return s.slowest })),
		m.required(fmt.Sprintf("%.1f MiB", mib(median(now))), median(now) <= mostMemory), mib(median(top)))
	return t.Flush()
}

func (s start) ratio() float64 { return s.all.Seconds() / s.ipset.Seconds() }

func mib(kib int) float64 { return float64(kib) / 1024 }

func (m *measurer) restart(ctx context.Context) (s start, err error) {
	g := m.guard
	leave, err := m.inside(g)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, leave()) }()
	var kernel *netlink.Handle
	err = g.net.PBX.Do(func() (err error) {
		kernel, err = netlink.NewHandle(unix.NETLINK_NETFILTER)
		return err
	})
	if err != nil {
		return s, err
	}
	defer kernel.Close()
	read, err := firstRead(filepath.Join(g.logs(), benchLog))
	if err != nil {
		return s, err
	}
	begin := time.Now()
	if err := g.start(); err != nil {
		return s, err
	}
	if err := m.follow(ctx, kernel, begin, &s); err != nil {
		return s, err
	}
	if s.followed = (<-read).Sub(begin); s.followed < 0 {
		return s, errors.New("it cannot be seen when the log is read")
	}
	// The list of the attackers that came meanwhile is written by now, and memory settles.
	until(ctx, 2*time.Second, func() bool { return false })
	if s.now, s.top, err = memory(g.daemon.Process.Pid); err != nil {
		return s, err
	}
	if _, err := g.stop(); err != nil {
		return s, err
	}
	s.ipset, err = ipsetRestore(g)
	return s, err
}

// firstRead writes a line that means nothing to a log, and tells when something of the log is
// first read (inotify(7), IN_ACCESS). It tells the zero time when that cannot be seen.
func firstRead(log string) (<-chan time.Time, error) {
	if err := appendTo(log, "-- a line of no program\n"); err != nil {
		return nil, err
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err == nil {
		_, err = unix.InotifyAddWatch(fd, log, unix.IN_ACCESS)
	}
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", log, err)
	}
	at := make(chan time.Time, 1)
	go func() {
		defer unix.Close(fd)
		for {
			ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(ready, int(benchTime.Milliseconds()))
			switch {
			case err == unix.EINTR:
				continue
			case n < 1:
				at <- time.Time{}
			default:
				at <- time.Now()
			}
			return
		}
	}()
	return at, nil
}

// probeEvery is how far apart the attackers are that come during a restart.
const probeEvery = 100 * time.Millisecond

// follow lets attackers come until all bans are restored, and notes what became of them.
func (m *measurer) follow(ctx context.Context, kernel *netlink.Handle, begin time.Time, s *start) error {
	ctx, cancel := context.WithTimeout(ctx, benchTime)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	var wrote time.Time // by the attacker who is not banned yet
	var who netip.Addr
	came, looked := time.Time{}, time.Now()
	for ; ; <-tick.C {
		if ctx.Err() != nil {
			return fmt.Errorf("after %s %d bans are in the kernel; pbxjail prints:\n%s", time.Since(begin), held(m.guard), m.guard.said())
		}
		now := time.Now()
		if who.IsValid() && isMember(kernel, who) {
			if s.live == 0 {
				s.live = now.Sub(begin)
			} else {
				s.slowest = max(s.slowest, now.Sub(wrote))
			}
			who = netip.Addr{}
		}
		if !who.IsValid() && s.all == 0 && now.Sub(came) >= probeEvery {
			first, err := m.attack(m.guard, 1, false)
			if err != nil {
				return err
			}
			who, wrote, came = bot(first), time.Now(), now
		}
		// To count takes a process, which would take its time from what is measured: the
		// last of the ledger is waited for first.
		if s.all == 0 && now.Sub(looked) >= 20*time.Millisecond && isMember(kernel, bot(m.bans-1)) {
			if looked = now; held(m.guard) >= m.next-1 { // the last of them may be on its way
				s.all = time.Since(begin)
			}
		}
		if s.all > 0 && !who.IsValid() {
			return nil
		}
	}
}

// isMember reports whether a ban of an address is in the kernel: of every port, or of SIP's.
func isMember(kernel *netlink.Handle, a netip.Addr) bool {
	family := "-4"
	if a.Is6() {
		family = "-6"
	}
	for _, set := range []string{"pbxjail.sip", "pbxjail"} {
		if yes, err := kernel.IpsetTest(set+family, &netlink.IPSetEntry{IP: a.AsSlice(), CIDR: uint8(a.BitLen())}); err == nil && yes {
			return true
		}
	}
	return false
}

// memory is VmRSS and VmHWM of proc_pid_status(5).
func memory(pid int) (now, most int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 {
			n, _ := strconv.Atoi(f[1])
			switch f[0] {
			case "VmRSS:":
				now = n
			case "VmHWM:":
				most = n
			}
		}
	}
	return now, most, err
}

// ipsetRestore puts what the kernel holds into another one.
func ipsetRestore(g *guard) (time.Duration, error) {
	saved, err := g.net.PBX.Output(exec.Command("ipset", "save"))
	if err != nil {
		return 0, err
	}
	cmd := exec.Command("ipset", "restore")
	cmd.Stdin = bytes.NewReader(saved)
	begin := time.Now()
	_, err = g.net.World.Output(cmd)
	return time.Since(begin), err
}

// bursts measures many attackers at once, beside those of the burst before.
func (m *measurer) bursts(ctx context.Context) (err error) {
	m.title("a burst: %d new attackers at once, %d lines", m.burst, 5*m.burst)
	g, leave, err := m.newGuard("burst", "ipset")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	if err := m.ready(ctx, g); err != nil {
		return err
	}
	var took []time.Duration
	for n := range m.rounds {
		if _, err := m.attack(g, m.burst, true); err != nil {
			return err
		}
		begin := time.Now()
		tick := time.NewTicker(20 * time.Millisecond)
		for held(g) < (n+1)*m.burst {
			if time.Since(begin) > benchTime || g.gone() {
				return fmt.Errorf("of %d attackers %d are banned", m.burst, held(g)-n*m.burst)
			}
			<-tick.C
		}
		took = append(took, time.Since(begin))
		tick.Stop()
		// The ledger is written behind the bans.
		if !until(ctx, benchTime, func() bool { return idle(g) }) {
			return errors.New("pbxjail stays busy")
		}
	}
	now, most, err := memory(g.daemon.Process.Pid)
	fmt.Fprintf(m.out, "all in the kernel after the last line: %s; median %s\nmemory then %.1f MiB, at most %.1f MiB\n",
		each(took, millis), m.required(millis(median(took)), median(took) <= mostBurst), mib(now), mib(most))
	return err
}

// idle reports whether the daemon used almost no processor time for half a second.
func idle(g *guard) bool {
	used := func() int {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", g.daemon.Process.Pid))
		_, after, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(after)
		if len(f) < 13 {
			return 0
		}
		user, _ := strconv.Atoi(f[11]) // proc_pid_stat(5), utime and stime
		system, _ := strconv.Atoi(f[12])
		return user + system
	}
	before := used()
	tick := time.NewTimer(500 * time.Millisecond)
	<-tick.C
	return used()-before <= 5
}
