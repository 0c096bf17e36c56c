package main

import (
	"context"
	_ "embed"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"pbxjail/cmd/internal/lab"
)

//go:embed testdata/sipp-invite.xml
var sippCall []byte

// attackPrograms says in which package of Debian each program is.
var attackPrograms = map[string]string{
	"svmap": "sipvicious", "svwar": "sipvicious", "svcrack": "sipvicious", "sipp": "sip-tester",
}

const (
	programTime  = 12 * time.Second // that a program may attack
	programQuiet = 3 * time.Second  // without a packet: it waits for what never comes
	programRuns  = 3                // svcrack gives up now and then after a few packets
)

// programs lets the attackers' own tools attack.
func (c *cast) programs() {
	for _, st := range stacks(c.s.version) {
		pjsip, guests, port := st.name == "pjsip", c.s.guests, fmt.Sprint(st.port)
		c.program(false, st.name+": svmap", "svmap", "-p", port)
		c.program(false, st.name+": svwar looks for accounts", "svwar", "--force", "-p", port, "-e", "190-219")
		c.program(guests, st.name+": svwar dials accounts", "svwar", "--force", "-m", "INVITE", "-p", port, "-e", "190-219")
		c.program(true, st.name+": svcrack guesses the password of 200", "svcrack", "-p", port, "-u", "200", "-r", "1000-1029")
		c.addRuns(pjsip || guests, st.name+": sipp dials abroad", func(ctx context.Context, from netip.Addr) error {
			script, numbers := filepath.Join(c.s.dir, "sipp.xml"), filepath.Join(c.s.dir, "sipp.csv")
			var list strings.Builder
			list.WriteString("SEQUENTIAL\n")
			for nth := range attempts {
				fmt.Fprintln(&list, abroad(nth))
			}
			if err := os.WriteFile(script, sippCall, 0o644); err != nil {
				return err
			}
			if err := os.WriteFile(numbers, []byte(list.String()), 0o644); err != nil {
				return err
			}
			return c.s.run(ctx, from, "sipp", fmt.Sprintf("%s:%d", lab.PBX4, st.port), "-sf", script, "-inf", numbers,
				"-i", from.String(), "-p", "5070", "-m", fmt.Sprint(attempts), "-r", "5", "-nostdin", "-timeout", programTime.String())
		})
	}
}

func (c *cast) addRuns(must bool, what string, f func(ctx context.Context, from netip.Addr) error) {
	a := c.add(must, what, func(ctx context.Context, from netip.Addr, _ int) (bool, error) { return false, f(ctx, from) })
	if a.runs = 1; must {
		a.runs = programRuns
	}
}

// program adds one of sipvicious, which takes the address it sends from as it is
// given for the whole world: one at a time.
func (c *cast) program(must bool, what, name string, args ...string) {
	c.addRuns(must, what, func(ctx context.Context, from netip.Addr) error {
		if err := c.s.net.SendFrom(from); err != nil {
			return err
		}
		return c.s.run(ctx, from, name, append(args, "-x", from.String(), lab.PBX4.String())...)
	})
}

// run runs a program in the world until it ends, its time is over, it falls
// silent, or its packets are dropped. How it ends says nothing.
func (s *scene) run(ctx context.Context, from netip.Addr, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, programTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "TERM=dumb")
	if err := s.net.World.Start(cmd); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	begin := time.Now()
	until(ctx, programTime, func() bool {
		select {
		case <-ended:
			return true
		default:
		}
		newest := begin
		if seen := s.wire.Seen(from); len(seen) > 0 && seen[len(seen)-1].After(begin) {
			newest = seen[len(seen)-1]
		}
		_, dropped := s.dropped(from)
		return dropped || time.Since(newest) > programQuiet
	})
	cancel()
	<-ended
	return nil
}
