package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"pbxjail/cmd/internal/lab"
	"pbxjail/cmd/internal/lab/madelog"
)

// rival is a program that reads a live log and bans, in a lab of its own. Its bans begin
// empty, and are kept when it is started again.
type rival interface {
	name() string
	// enter makes the lab that the next start runs in. leave ends what runs there and removes it.
	enter() (leave func() error, err error)
	lab() *lab.Net
	start(ctx context.Context) error // returns when the log is followed
	stop() error
	log() string
	line(a netip.Addr, nth int) string // an attack, dated now
	lines() int                        // how many of them make a ban
	processes() []int
	// count is how many bans the kernel holds; members are their addresses.
	count() int
	members() map[netip.Addr]bool
}

// rivals are pbxjail and those that are there. None reads packets, as the others cannot. sees
// lets the kernel remember for pbxjail who sent any: an address that sent none is not charged.
func (o *peersBench) rivals(sees bool) (list []rival, err error) {
	dir, err := os.MkdirTemp(o.dir, "live-")
	if err != nil {
		return nil, err
	}
	list = append(list, &pbxjailRival{o: o, dir: filepath.Join(dir, "pbxjail"), sees: sees})
	if root, ok := o.root(fail2banRegex); ok {
		list = append(list, &fail2banRival{service: service{kit: o.kit, dir: filepath.Join(dir, "fail2ban")}, root: root})
	}
	root, ok := o.root(crowdsec)
	broot, bok := o.root(bouncer)
	if ok && bok {
		list = append(list, &crowdsecRival{service: service{kit: o.kit, dir: filepath.Join(dir, "crowdsec")}, root: root, bouncerRoot: broot})
	}
	return list, nil
}

// securityLine is what all of them can read: a login to an account that does not exist.
func securityLine(a netip.Addr, nth int) string {
	now := time.Now()
	return fmt.Sprintf(`[%s] SECURITY[3120] res_security_log.c: SecurityEvent="InvalidAccountID",EventTV="%s",Severity="Error",Service="PJSIP",EventVersion="1",AccountID="%d",SessionID="%x@%s",LocalAddress="IPV4/UDP/%s/5060",RemoteAddress="IPV4/UDP/%s/5071"`+"\n",
		now.Format(time.DateTime), now.UTC().Format("2006-01-02T15:04:05.000-0700"), 2000+nth%7000, nth, madelog.PBX, madelog.PBX, a)
}

// noticeLine is the same as PJSIP writes it to the log messages.
func noticeLine(a netip.Addr, nth int) string {
	return fmt.Sprintf("[%s] NOTICE[3120] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:%d@%s>' failed for '%s:5071' (callid: %x@%s) - No matching endpoint found\n",
		time.Now().Format(time.DateTime), 2000+nth%7000, madelog.PBX, a, nth, madelog.PBX)
}

// pbxjailRival is pbxjail with its shipped settings.
type pbxjailRival struct {
	o     *peersBench
	dir   string
	sees  bool
	guard *guard
}

func (p *pbxjailRival) name() string  { return "pbxjail" }
func (p *pbxjailRival) lab() *lab.Net { return p.guard.net }
func (p *pbxjailRival) log() string   { return filepath.Join(p.guard.logs(), benchLog) }
func (p *pbxjailRival) lines() int    { return linesEach }

func (p *pbxjailRival) line(a netip.Addr, nth int) string { return securityLine(a, nth) }

func (p *pbxjailRival) enter() (leave func() error, err error) {
	first := p.guard == nil
	if first {
		p.guard = &guard{pbxjail: p.o.pbxjail, jailctl: p.o.jailctl, dir: p.dir}
		if err := os.Mkdir(p.dir, 0o755); err != nil {
			return nil, err
		}
	}
	g := p.guard
	if g.net, err = lab.New(); err != nil {
		return nil, err
	}
	leave = func() error {
		err := g.net.Close()
		g.wait()
		return err
	}
	if first {
		if err = g.prepare([]string{benchLog}); err == nil {
			more := "enforcer: ipset\n" + noWire
			if p.sees {
				more = "enforcer: ipset\nwire: {enabled: false}\n"
			}
			err = g.configure(more)
		}
	} else {
		err = g.net.PBX.Mount(g.logs(), asteriskLogs)
	}
	if err != nil {
		return nil, errors.Join(err, leave())
	}
	return leave, nil
}

func (p *pbxjailRival) start(ctx context.Context) error {
	return (&measurer{}).ready(ctx, p.guard)
}

func (p *pbxjailRival) stop() error {
	_, err := p.guard.stop()
	return err
}

func (p *pbxjailRival) processes() []int { return []int{p.guard.daemon.Process.Pid} }
func (p *pbxjailRival) count() int       { return held(p.guard) }

func (p *pbxjailRival) members() map[netip.Addr]bool {
	found := map[netip.Addr]bool{}
	bans, _ := p.guard.bans()
	for _, b := range bans {
		found[b.Prefix.Addr()] = true
	}
	return found
}

// service is what the other programs have in common: a folder, a lab, and processes.
type service struct {
	kit
	dir     string
	net     *lab.Net
	running []*exec.Cmd
	ended   []chan struct{}
}

func (s *service) lab() *lab.Net        { return s.net }
func (s *service) path(n string) string { return filepath.Join(s.dir, n) }
func (s *service) log() string          { return s.path("security") }

func (s *service) enter() (leave func() error, err error) {
	if s.net, err = lab.New(); err != nil {
		return nil, err
	}
	n := s.net
	return func() error {
		err := n.Close()
		for _, e := range s.ended {
			<-e
		}
		return err
	}, nil
}

// begin starts a program of it. What it prints is in the folder.
func (s *service) begin(cmd *exec.Cmd, said string) error {
	f, err := os.OpenFile(s.path(said), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	cmd.Stdout, cmd.Stderr = f, f
	if err := s.net.PBX.Start(cmd); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	s.running, s.ended = append(s.running, cmd), append(s.ended, ended)
	return nil
}

// stopTime is how long a program may take to end.
const stopTime = 30 * time.Second

// stop ends them as systemd does, the last one first.
func (s *service) stop() error {
	for i := len(s.running) - 1; i >= 0; i-- {
		s.running[i].Process.Signal(syscall.SIGTERM)
		select {
		case <-s.ended[i]:
		case <-time.After(stopTime):
			s.running[i].Process.Kill()
			<-s.ended[i]
		}
	}
	s.running, s.ended = nil, nil
	return nil
}

func (s *service) processes() (pids []int) {
	for _, cmd := range s.running {
		pids = append(pids, cmd.Process.Pid)
	}
	return pids
}

// said is the end of what a program printed.
func (s *service) said(name string) string {
	text, _ := os.ReadFile(s.path(name))
	return string(text[max(0, len(text)-1500):])
}

// gone reports whether one of its processes has ended.
func (s *service) gone() bool {
	for _, e := range s.ended {
		select {
		case <-e:
			return true
		default:
		}
	}
	return false
}

// addressesIn are the IPv4 addresses at the start of a word.
func addressesIn(text string) map[netip.Addr]bool {
	found := map[netip.Addr]bool{}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\n,{}/", r) }) {
		if a, err := netip.ParseAddr(word); err == nil && a.IsValid() && !a.IsUnspecified() {
			found[a] = true
		}
	}
	return found
}
