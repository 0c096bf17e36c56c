// Package doctor has the checks of jailctl doctor: whether pbxjail can see attacks, decide,
// and drop packets on this machine. jailctl calls it. Each check is a function of an Env,
// which holds all that was looked at, so that a test can plant a fault. The checks must
// never change anything, and never show a password. Look alone looks at the machine.
package doctor

import (
	"context"
	"io/fs"
	"net/netip"
	"slices"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/findings"
	"pbxjail/cmd/internal/logs"
	"pbxjail/cmd/internal/survey"
	"pbxjail/configs"
	"pbxjail/configs/fail2ban"
	"pbxjail/configs/hint"
)

// Env is all that the checks may know. The zero value is a machine of which nothing is
// known. Nothing in it is changed by a check.
type Env struct {
	Now time.Time

	Status   *control.Status // what the daemon says of itself; nil: it does not answer
	NoDaemon error           // why it does not
	Feeds    []control.Feed
	Caller   netip.Addr // of the SSH session that calls; zero: none
	Guarded  string     // why the daemon never bans Caller; "": it may

	Main     *configs.Main   // nil: it could not be read
	Jails    []*configs.Jail // as their files say
	Root     fs.FS           // the file system from "/"
	Folders  []string        // of Asterisk's configuration
	Found    survey.Found
	Logs     logs.Found // what Asterisk's files say of its logs
	Tails    []Tail     // the ends of the logs that are followed
	Hooks    []Hook     // what is around our jump in the kernel
	Sets     []Set      // of the kernel, those of our chain
	Disks    []Disk
	Proxies  []Proxy         // of Docker
	Fail2ban []fail2ban.Jail // those that are on
	Clock    Clock
}

// Tail is the end of a log.
type Tail struct {
	Path    string
	Text    string    // whole lines
	Written time.Time // when it was last written to
}

// Hook is the chain of the kernel that jumps to ours.
type Hook struct {
	Program string // that showed it: iptables, ip6tables
	Table   string
	Chain   string   // PREROUTING
	Rules   []string // in order, as "iptables -S" prints them
}

// Set is a set of the kernel, without its members.
type Set struct {
	Name       string
	Used, Room int
}

// Disk is a file system that pbxjail or Asterisk writes to.
type Disk struct {
	Path        string // a folder on it
	What        string // what is written there
	Free, Total uint64 // bytes, as an ordinary user can use them
	Inodes      uint64 // free ones
	AllInodes   uint64 // 0: it does not count them
}

// Proxy is a process that passes packets on in its own name.
type Proxy struct {
	PID      string
	Port     uint16
	Protocol string
}

// Clock is what the kernel says of the time.
type Clock struct {
	Known        bool
	Synchronised bool
}

// Checks are all checks, in the order of an attack: see, decide, drop, then the machine.
func Checks() []findings.Check[*Env] {
	return []findings.Check[*Env]{
		{Name: "daemon", Asks: "does the daemon answer?", Run: daemon},
		{Name: "enforcing", Asks: "are packets of banned addresses dropped?", Run: enforcing},
		{Name: "reported", Asks: "what does the daemon itself report?", Run: reported},
		{Name: "logs", Asks: "are the logs there, understood and not silent?", Run: followed},
		{Name: "security-channel", Asks: "does Asterisk write security events?", Run: securityChannel},
		{Name: "json", Asks: "does a log keep the text of callers inside its record?", Run: jsonFormat},
		{Name: "logger-queue", Asks: "does Asterisk discard log records?", Run: loggerQueue},
		{Name: "debug", Asks: "does Asterisk write whole packets into its logs?", Run: debugOutput},
		{Name: "clock", Asks: "do the clock and the dates of the logs agree?", Run: clock},
		{Name: "wire", Asks: "are packets read?", Run: wire},
		{Name: "ami", Asks: "does Asterisk report over its manager interface?", Run: manager},
		{Name: "authdebug", Asks: "does Asterisk write failed log-ins of IAX2?", Run: authdebug},
		{Name: "jails", Asks: "which jails run?", Run: jails},
		{Name: "geoip", Asks: "are countries known, and is the table new enough for the rules?", Run: places},
		{Name: "feeds", Asks: "are the lists of bad addresses up to date?", Run: feeds},
		{Name: "room", Asks: "is there room for more bans and addresses?", Run: room},
		{Name: "firewall-order", Asks: "does another rule accept packets before ours?", Run: firewallOrder},
		{Name: "firewalls", Asks: "which other firewalls are here?", Run: firewalls},
		{Name: "docker", Asks: "does a proxy hide the addresses of callers?", Run: docker},
		{Name: "fail2ban", Asks: "does fail2ban guard the same logs?", Run: otherGuard},
		{Name: "ssh", Asks: "is the address that you come from protected?", Run: ownSession},
		{Name: "dialplan-shell", Asks: "can a caller run commands?", Run: shells},
		{Name: "dialplan-programs", Asks: "does text of callers reach programs that the dialplan starts?", Run: programs},
		{Name: "alwaysauthreject", Asks: "does Asterisk tell which accounts exist?", Run: alwaysAuthReject},
		{Name: "guests", Asks: "what can callers without an account do?", Run: guests},
		{Name: "traps", Asks: "are there traps for attackers, and is none of them a real account?", Run: traps},
		{Name: "disk", Asks: "is there room on the disks?", Run: disk},
	}
}

// Callers are the checks of what callers can do to Asterisk. They need Root, Folders and
// Found alone, so jailctl audit has them too.
func Callers() (list []findings.Check[*Env]) {
	for _, c := range Checks() {
		if slices.Contains([]string{"dialplan-shell", "alwaysauthreject", "guests"}, c.Name) {
			list = append(list, c)
		}
	}
	return list
}

// Examine looks at this machine and runs all checks.
func Examine(ctx context.Context, client *control.Client, now time.Time) findings.Report {
	e := Look(ctx, client, now)
	r := findings.Run(e, Checks())
	main, _ := e.mainFile()
	for i := range r.Findings {
		f := &r.Findings[i]
		f.What, f.Hint = hint.Named(f.What, main), hint.Named(f.Hint, main)
		for k := range f.Fix {
			f.Fix[k].Where = hint.Named(f.Fix[k].Where, main)
		}
	}
	return r
}
