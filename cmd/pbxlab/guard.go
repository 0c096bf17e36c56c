package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"pbxjail/cmd/internal/lab"
)

// asteriskLogs is where the shipped jails look for logs.
const asteriskLogs = "/var/log/asterisk"

// guard is a pbxjail that guards the PBX of a lab: its logs are files of ours,
// its configuration is the shipped one but for the paths.
type guard struct {
	net     *lab.Net
	pbxjail string // the program
	jailctl string // the program
	dir     string
	env     []string // more of the daemon's environment
	daemon  *exec.Cmd
	ended   chan struct{} // closed when the daemon has ended
	exit    error         // how it ended; to be read after that
}

// ban is what we read of `jailctl list --json`.
type ban struct {
	Prefix  netip.Prefix `json:"prefix"`
	Jail    string       `json:"jail"`
	Reason  string       `json:"reason"`
	Ports   string       `json:"ports"`
	Packets uint64       `json:"packets"`
	Bytes   uint64       `json:"bytes"`
}

// prepare writes empty logs and the configuration into the guard's folder, and
// shows the logs where Asterisk's would be.
func (g *guard) prepare(logs []string) error {
	err := errors.Join(
		os.Mkdir(g.path("jails"), 0o755), // empty: the shipped ones are in the program
		os.Mkdir(g.logs(), 0o755),
		g.configure(noWire))
	for _, name := range logs {
		err = errors.Join(err, os.WriteFile(filepath.Join(g.logs(), name), nil, 0o644))
	}
	return errors.Join(err, g.net.PBX.Mount(g.logs(), asteriskLogs))
}

// putJails writes jail files, by name.
func (g *guard) putJails(files map[string]string) (err error) {
	for name, text := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(g.path("jails"), name), []byte(text), 0o644))
	}
	return err
}

// configure writes the main file, with more than the paths.
func (g *guard) configure(more string) error {
	config := fmt.Sprintf("jails: %q\nsocket: %q\n", g.path("jails"), g.path("pbxjail.sock"))
	if !strings.Contains(more, "database:") {
		config += fmt.Sprintf("database: %q\n", g.path("pbxjail.db"))
	}
	return os.WriteFile(g.path("pbxjail.yaml"), []byte(config+more), 0o644)
}

// noWire switches the witnesses of packets off, where logs are played about addresses that send none of it.
const noWire = "wire: {enabled: false}\nheard: {enabled: false}\n"

// start starts pbxjail inside the PBX's namespace, for the first time or again.
func (g *guard) start() error {
	said, err := os.OpenFile(g.path("pbxjail.log"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer said.Close()
	g.daemon = exec.Command(g.pbxjail, "--config", g.path("pbxjail.yaml"))
	g.daemon.Stdout, g.daemon.Stderr = said, said
	if g.env != nil {
		g.daemon.Env = append(os.Environ(), g.env...)
	}
	if err := g.net.PBX.Start(g.daemon); err != nil {
		return fmt.Errorf("start pbxjail: %w", err)
	}
	g.ended = make(chan struct{})
	go func() {
		defer close(g.ended)
		g.exit = g.daemon.Wait()
	}()
	return nil
}

func (g *guard) path(name string) string { return filepath.Join(g.dir, name) }

func (g *guard) logs() string { return g.path("asterisk") }

// said is what the daemon printed so far.
func (g *guard) said() string {
	text, _ := os.ReadFile(g.path("pbxjail.log"))
	return string(text)
}

// ctl runs jailctl inside the PBX's namespace and returns what it printed.
func (g *guard) ctl(args ...string) (string, error) {
	out, err := g.net.PBX.Output(exec.Command(g.jailctl, append(args, "--socket", g.path("pbxjail.sock"))...))
	return string(out), err
}

func (g *guard) bans() (bans []ban, err error) {
	out, err := g.ctl("list", "--json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &bans)
	}
	return bans, err
}

// follows reports whether the daemon is up and follows all these logs.
func (g *guard) follows(logs []string) bool {
	var status struct {
		Files []struct {
			Path    string `json:"path"`
			Problem string `json:"problem"`
		} `json:"files"`
	}
	out, err := g.ctl("status", "--json")
	if err != nil || json.Unmarshal([]byte(out), &status) != nil {
		return false
	}
	for _, f := range status.Files {
		if f.Problem == "" {
			logs = slices.DeleteFunc(slices.Clone(logs), func(name string) bool { return f.Path == filepath.Join(asteriskLogs, name) })
		}
	}
	return len(logs) == 0
}

// gone reports whether the daemon has ended.
func (g *guard) gone() bool {
	select {
	case <-g.ended:
		return true
	default:
		return false
	}
}

// wait returns when no program of the guard's runs any more: the namespace that
// is closed before kills it. It may be called whether or not one was started.
func (g *guard) wait() {
	if g.ended != nil {
		<-g.ended
	}
}

// stop ends the daemon as systemd does, and says how long it took to leave.
func (g *guard) stop() (time.Duration, error) {
	begin := time.Now()
	if err := g.daemon.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, fmt.Errorf("end it: %w", err)
	}
	select {
	case <-g.ended:
		return time.Since(begin), g.exit
	case <-time.After(10 * time.Second):
		return time.Since(begin), errors.New("it does not end on SIGTERM")
	}
}
