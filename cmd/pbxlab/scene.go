package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"pbxjail/cmd/internal/lab"
)

const (
	probePort = 5999                  // nothing of Asterisk's: a probe is no offence
	probePace = 50 * time.Millisecond // so a drop is known to within this
)

// realLogs are what the configuration of the bench's Asterisk writes.
var realLogs = []string{"messages", "full", "security", "sipsec.log"}

// scene is a real Asterisk in a namespace, pbxjail beside it, and a probe from every address.
type scene struct {
	version string
	guests  bool // callers without an account reach the dialplan
	cell    cell // what pbxjail can see
	// files replace files of the bench's Asterisk, and jails are beside the shipped ones, or
	// in their place; both by name, nil is none.
	files, jails map[string]string
	certificate  []byte // of Asterisk's manager interface; nil: it speaks no TLS

	dir     string
	net     *lab.Net
	guard   *guard
	pbx     *lab.Asterisk
	wire    *lab.Wire
	probes  *lab.Stream
	shut    shut // who is banned for ports that no probe goes to
	closers []func() error
}

// open starts Asterisk and pbxjail.
func (s *scene) open(ctx context.Context, o e2eOptions, root string) (err error) {
	if s.net, err = lab.New(); err != nil {
		return err
	}
	s.guard = &guard{net: s.net, pbxjail: o.pbxjail, jailctl: o.jailctl, dir: s.dir}
	s.closers = append(s.closers, func() error {
		err := s.net.Close() // which kills what runs inside
		s.guard.wait()
		if s.pbx != nil {
			s.pbx.Wait()
		}
		return err
	})
	if err := errors.Join(s.guard.prepare(s.cell.files()), s.guard.putJails(s.jails), s.cell.configure(s.guard)); err != nil {
		return err
	}
	files := map[string]string{}
	maps.Copy(files, s.cell.asterisk())
	maps.Copy(files, s.files)
	if s.pbx, err = s.net.StartAsterisk(ctx, root, s.version, s.dir, s.guard.logs(), s.guests, files); err != nil {
		return err
	}
	return s.startGuard(ctx)
}

// startGuard starts pbxjail, and returns when it follows the logs.
func (s *scene) startGuard(ctx context.Context) error {
	if err := s.guard.start(); err != nil {
		return err
	}
	up := until(ctx, 10*time.Second, func() bool { return s.guard.gone() || s.guard.follows(s.cell.files()) })
	if !up || s.guard.gone() {
		return fmt.Errorf("pbxjail does not follow the logs; it prints:\n%s", s.guard.said())
	}
	return nil
}

// watch taps the wire, and lets everybody probe.
func (s *scene) watch(ctx context.Context, probed []netip.Addr) (err error) {
	if s.wire, err = s.net.NewWire(probePort); err != nil {
		return err
	}
	watching, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	var failed error
	running.Go(func() { failed = s.wire.Run(watching) })
	s.closers = append(s.closers, func() error {
		cancel()
		running.Wait()
		return failed
	})
	probes, stop, err := startTraffic(ctx, s.net, probePort, probePace, probed)
	if err != nil {
		return err
	}
	s.probes = probes
	s.closers = append(s.closers, stop)
	all := func() bool {
		return !slices.ContainsFunc(probed, func(a netip.Addr) bool { return probes.Tallies()[a].Answered == 0 })
	}
	if !until(ctx, 10*time.Second, all) {
		return errors.New("the probes are not answered, though no address is banned")
	}
	return nil
}

func (s *scene) close() (err error) {
	for _, f := range slices.Backward(s.closers) {
		err = errors.Join(err, f())
	}
	return err
}

// silent is how many probes in a row must stay without an answer before an
// address counts as dropped.
const silent = 6

// dropped reports whether the probes of an address get no answer any more, and
// since when. Probes go to a port of RTP, which a ban for AMI, HTTP or IAX2 leaves open:
// then the kernel's sets tell.
func (s *scene) dropped(addr netip.Addr) (since time.Time, yes bool) {
	t := s.probes.Tallies()[addr]
	if t.Sent-t.Newest >= silent {
		return t.Heard.Add(probePace), true
	}
	return s.shut.since(addr, s.elsewhere)
}

// elsewhere are the addresses that are banned for ports that no probe goes to.
func (s *scene) elsewhere() []netip.Prefix {
	all, _ := s.inSets(func(set string) bool {
		return strings.Contains(set, ".") && !strings.Contains(set, ".sip-")
	})
	return all
}

// banned asks the kernel, not pbxjail, which addresses it drops, to whichever ports. The sets of those
// who were heard drop nothing; they have an underscore in their names.
func (s *scene) banned() (all []netip.Prefix, err error) {
	return s.inSets(func(set string) bool { return !strings.Contains(set, "_") })
}

// inSets are the members of the kernel's sets of some names.
func (s *scene) inSets(of func(set string) bool) (all []netip.Prefix, err error) {
	out, err := s.net.PBX.Output(exec.Command("ipset", "save"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == "add" && of(f[1]) {
			if addr, err := netip.ParseAddr(f[2]); err == nil {
				all = append(all, netip.PrefixFrom(addr, addr.BitLen()))
			} else if p, err := netip.ParsePrefix(f[2]); err == nil {
				all = append(all, p)
			} else {
				return nil, fmt.Errorf("ipset: what is %q?", line)
			}
		}
	}
	return all, nil
}

// lines returns the lines of the logs that name an address.
func (s *scene) lines(addr netip.Addr) (named []string) {
	is := regexp.MustCompile(regexp.QuoteMeta(addr.String()) + `([^0-9a-f.]|$)`)
	for _, name := range realLogs {
		text, err := os.ReadFile(filepath.Join(s.guard.logs(), name))
		if err != nil {
			named = append(named, err.Error())
		}
		for line := range bytes.Lines(text) {
			if is.Match(line) {
				named = append(named, fmt.Sprintf("%s: %q", name, bytes.TrimSpace(line)))
			}
		}
	}
	return named
}
