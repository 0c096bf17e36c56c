package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/names"
	"pbxjail/cmd/internal/program"
	"pbxjail/cmd/internal/remote"
	"pbxjail/configs/hint"
)

// tunnel is a port of this machine that leads to one of another PBX.
type tunnel struct {
	app  *app
	ssh  remote.SSH
	to   remote.Target
	port remote.Forwarding
	yes  bool

	control string             // the socket of the connection
	own     *program.Attached  // the connection, where it is ours
	said    *remote.Head       // what ssh printed
	ended   chan remote.Ending // when our connection has ended
}

func (a *app) tunnelVerb() *cobra.Command {
	var config, to, local string
	var sshPort int
	t := &tunnel{app: a, ssh: remote.SSH{Connect: hostConnect}}
	c := &cobra.Command{
		Use:   "tunnel user@pbx",
		Short: "open the web interface of another PBX here, through ssh",
		Long: `tunnel opens a port on this machine that leads to a port of another PBX, through ssh. It shows
which host that is (its addresses, networks and countries), asks once, and prints a URL for the
browser. The port is closed by ctrl-c, or when ssh ends. Only programs of this machine reach it.

ssh is the one of this machine, with your own configuration (~/.ssh/config), keys, agent and jump
hosts (ProxyJump). Where a shared connection of ssh to this host is open (ControlMaster), the
tunnel uses it, and closes only its own port.

  jailctl tunnel admin@pbx1.example.net                        its web interface
  jailctl tunnel admin@pbx1.example.net --to 8089              another port of it
  jailctl tunnel admin@pbx1.example.net --to 192.168.1.20:80   a phone behind it
  jailctl tunnel admin@pbx1.example.net --socks                a proxy for all that it reaches

The browser warns about the certificate: it is not for 127.0.0.1. That does not matter here, as
ssh has checked the host key.

The exit status is 0 after ctrl-c, 1 when nothing answers at the port of the PBX, and 5 when ssh
cannot connect or the connection is lost.`,
		Args: takes("user@pbx"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if a.remote {
				return noChain("tunnel")
			}
			if t.to, err = remote.ParseTarget(args[0]); err != nil {
				return &usageError{err}
			}
			if c.Flags().Changed("ssh-port") {
				if t.to.Port, err = remote.ParsePort(strconv.Itoa(sshPort)); err != nil {
					return usage("write a number from 1 to 65535", "--ssh-port: %d is not a port", sshPort)
				}
			}
			if t.port.To, err = remote.ParseService(to); err != nil {
				return &usageError{fmt.Errorf("--to: %w", err)}
			}
			if t.port.Socks && c.Flags().Changed("to") {
				return usage("write one of them", "--socks and --to cannot be used together")
			}
			if t.port.Local, err = localPort(local); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			return t.run(ctx, config)
		},
	}
	c.ValidArgsFunction = completeHosts
	f := c.Flags()
	f.IntVar(&sshPort, "ssh-port", 22, "the port of its ssh server; without it, that of ~/.ssh/config, or 22")
	f.StringVar(&to, "to", "443", "PORT of the PBX, or HOST:PORT that the PBX reaches")
	f.StringVar(&local, "local", "0", "the port on this machine; 0 chooses a free one")
	f.BoolVar(&t.port.Socks, "socks", false, "a SOCKS proxy in place of one port")
	f.BoolVar(&t.yes, "yes", false, "connect without asking")
	f.StringVar(&t.ssh.Config, "ssh-config", "", "a configuration file of ssh, in place of ~/.ssh/config")
	configFlag(c, &config)
	return c
}

func localPort(text string) (int, error) {
	if text == "0" {
		return 0, nil
	}
	port, err := remote.ParsePort(text)
	if err != nil {
		return 0, usage("write a number from 1 to 65535; 0 chooses a free port", "--local: %q is not a port", text)
	}
	return port, nil
}

// opened is what tunnel --json prints when the tunnel is open.
type opened struct {
	Target
	URL   string `json:"url"`
	Local int    `json:"local"` // port on 127.0.0.1
	To    string `json:"to"`    // where it leads, as the PBX calls that; "" for --socks
}

// Target is the host that a tunnel leads to.
type Target struct {
	Host  string  `json:"host"` // as it was given
	User  string  `json:"user"`
	Name  string  `json:"name"` // as ssh connects to it
	Port  int     `json:"port"`
	Jump  string  `json:"jump"` // the hosts on the way, as ssh has them
	Addrs []found `json:"addrs"`
}

// run shows the host, asks, and holds the tunnel until ctx or ssh ends.
func (t *tunnel) run(ctx context.Context, config string) (err error) {
	target, control, err := t.look(ctx, config)
	if err != nil {
		return err
	}
	if !t.app.json {
		if err := t.app.printTarget(target); err != nil {
			return err
		}
	} else if !t.yes {
		return usage("write jailctl tunnel --json --yes user@pbx", "with --json tunnel cannot ask")
	}
	if !t.yes && !t.app.confirms("Connect?") {
		return refused("to connect without a question: jailctl tunnel --yes " + t.to.String())
	}
	dir, err := os.MkdirTemp("", "jailctl") // only this user may enter it
	if err != nil {
		return fmt.Errorf("make a folder for the socket of ssh: %w", err)
	}
	defer os.RemoveAll(dir)
	connected, hangUp := context.WithCancel(ctx)
	defer hangUp()
	defer t.close(hangUp)
	if err := t.connect(connected, control, filepath.Join(dir, "ssh")); err != nil {
		return t.stopped(ctx, err)
	}
	if err := t.forward(ctx); err != nil {
		return t.stopped(ctx, err)
	}
	if err := t.answers(ctx); err != nil {
		return t.stopped(ctx, err)
	}
	to := t.port.To.String()
	if t.port.Socks {
		to = ""
	}
	if t.app.json {
		err = t.app.emit(opened{target, t.port.Address(), t.port.Local, to})
	} else {
		t.app.say("open: %s", t.port.Address())
		t.app.say("ctrl-c closes it")
	}
	if err != nil {
		return err
	}
	return t.hold(ctx)
}

// refused is the answer no to a question.
func refused(do string) error { return control.Refuse(0, do, "not connected") }

// stopped is err, or nothing where ctrl-c was the reason for it.
func (t *tunnel) stopped(ctx context.Context, err error) error {
	if interrupted(ctx) {
		return &endedError{control.Refuse(0, "run the command again", "stopped by ctrl-c before the tunnel was open"), exitFailed}
	}
	return err
}

// look asks ssh what its configuration makes of the target, and finds the addresses of it.
func (t *tunnel) look(ctx context.Context, config string) (Target, string, error) {
	if !program.There("ssh") {
		return Target{}, "", hint.New("install the program ssh: apt-get install openssh-client", "program ssh is not installed")
	}
	text, err := program.Run(ctx, "ssh", t.ssh.Show(t.to)...)
	if err != nil {
		return Target{}, "", &endedError{err, exitNoPBX}
	}
	r := remote.ReadShown(string(text))
	target := Target{Host: t.to.String(), User: r.User, Name: r.Host, Port: r.Port, Jump: r.Jump, Addrs: []found{}}
	var addrs []netip.Addr
	if addr, err := netip.ParseAddr(r.Host); err == nil {
		addrs = []netip.Addr{addr}
	} else if r.Jump == "" { // behind a jump host the name is that host's to look up
		if addrs, err = names.Host(ctx, r.Host); err != nil {
			return Target{}, "", &endedError{hint.Add("check the spelling, and the Host entries in ~/.ssh/config", err), exitNoPBX}
		}
	}
	places, err := tables(config)
	if err != nil {
		return Target{}, "", err
	}
	for _, addr := range addrs {
		target.Addrs = append(target.Addrs, whereIs(places, addr))
	}
	return target, r.Control, nil
}

func (a *app) printTarget(t Target) error {
	a.say("host: %s, port %d, user %s", t.Name, t.Port, t.User)
	if t.Jump != "" {
		a.say("through: %s", t.Jump)
	}
	if len(t.Addrs) == 0 {
		a.say("addresses: not known here; the host on the way looks them up")
		return nil
	}
	return a.printPlaces(t.Addrs)
}

// connect finds a connection that ssh shares, or opens one and waits until it is there. It
// waits as long as ssh does: an admin may type a password.
func (t *tunnel) connect(ctx context.Context, shared, own string) error {
	t.said, t.ended = &remote.Head{Most: keptSaid}, make(chan remote.Ending, 1)
	if shared != "" && t.asks(ctx, "check", shared) == nil {
		t.control = shared
		return nil
	}
	said := remote.NewClean(t.app.stderr, false)
	p, err := program.Attach(ctx, io.Discard, io.MultiWriter(t.said, said), false, "ssh", t.ssh.Master(t.to, own)...)
	if err != nil {
		return &endedError{err, exitNoPBX}
	}
	t.own, t.control = p, own
	go func() {
		exit, _ := p.Wait()
		t.ended <- remote.Ending{Exit: exit, Said: t.said.Text()}
	}()
	return t.until(ctx, func() bool { _, err := os.Lstat(own); return err == nil })
}

// asks has ssh ask the connection for something.
func (t *tunnel) asks(ctx context.Context, do, control string) error {
	_, err := program.Run(ctx, "ssh", t.port.Control(do, control, t.to)...)
	return err
}

// until waits until it is so, and no longer than the connection is there.
func (t *tunnel) until(ctx context.Context, so func() bool) error {
	tick := newTick()
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case end := <-t.ended:
			return t.lost(end)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// lost says why our connection ended before the tunnel was open.
func (t *tunnel) lost(end remote.Ending) error {
	t.own, t.control = nil, ""
	if end.Exit >= 0 {
		end.Exit = -1 // ssh ran no command, so each exit status is one of ssh
	}
	return &endedError{end.Err(t.to), exitNoPBX}
}

// close closes the port, and the connection where that is ours.
func (t *tunnel) close(hangUp context.CancelFunc) {
	if t.own == nil && t.control == "" {
		return
	}
	if t.own == nil {
		ctx, cancel := context.WithTimeout(context.Background(), askTime)
		defer cancel()
		_ = t.asks(ctx, "cancel", t.control) // it is gone with the connection at the latest
		return
	}
	hangUp()
	<-t.ended
}
