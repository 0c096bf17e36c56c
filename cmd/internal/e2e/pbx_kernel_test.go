package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pbxjail/cmd/internal/lab"
)

// pbx is a PBX that answers SIP in a namespace of its own, its logs, and the
// daemon that guards it. Programs of the host steer the daemon.
type pbx struct {
	*testing.T
	net    *lab.Net
	dir    string // configuration, socket, the ledger in state, the logs in asterisk
	daemon *instance
	sip    *lab.Responder
	tools  string // folder of the iptables of the host; "" where that does not matter
}

// phones is the jail of most tests. It reads the log of that name. Its bans close every
// port, so that they are in one set.
const phones = `logs: [%s/security]
match: [{event: bad-password}]
maxretry: 3
ports: all
`

// newPBX makes a PBX. The main file may have more than the paths; the shipped
// jails are switched off, and jail phones is there.
func newPBX(t *testing.T, main ...string) *pbx {
	t.Helper()
	t.Parallel()
	p := &pbx{T: t, net: lab.ForTest(t, "iptables", "ip6tables", "ipset")}
	dir, err := os.MkdirTemp("", "e2e") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	p.dir = dir
	t.Cleanup(func() { os.RemoveAll(dir) })
	p.must(os.Mkdir(p.path("jails"), 0o755), os.Mkdir(p.path("state"), 0o755), os.Mkdir(p.logs(), 0o755))
	p.configure(fmt.Sprintf("jails: %s\ndatabase: %s\nsocket: %s", p.path("jails"), p.path("state/pbxjail.db"), p.path("sock")))
	p.must(writePlaces(p.path("country.mmdb")))
	p.configure(fmt.Sprintf("geoip: {files: [%s]}", p.path("country.mmdb")))
	if !strings.Contains(strings.Join(main, ""), "wire:") { // most tests write logs about addresses that send nothing
		p.configure("wire: {enabled: false}\nheard: {enabled: false}")
	}
	p.configure(main...)
	for _, name := range []string{"guessing", "manager", "scanning", "silent", "sipsec", "toll-fraud"} {
		p.write("jails/"+name+".yaml", "enabled: false\n")
	}
	p.write("jails/phones.yaml", known(fmt.Sprintf(phones, p.logs())))
	p.write("asterisk/security", "")

	r, err := p.net.NewResponder(lab.Port)
	if err != nil {
		t.Fatal(err)
	}
	p.sip = r
	ended := make(chan error, 1)
	go func() { ended <- r.Run(t.Context()) }()
	t.Cleanup(func() { p.must(<-ended) })
	return p
}

func (p *pbx) path(name string) string { return filepath.Join(p.dir, name) }
func (p *pbx) logs() string            { return p.path("asterisk") }

func (p *pbx) must(errs ...error) {
	p.Helper()
	if err := errors.Join(errs...); err != nil {
		p.Fatal(err)
	}
}

func (p *pbx) write(name, text string) {
	p.Helper()
	p.must(os.WriteFile(p.path(name), []byte(text), 0o644))
}

// configure adds lines to the main file.
func (p *pbx) configure(lines ...string) {
	p.Helper()
	text, err := os.ReadFile(p.path("pbxjail.yaml"))
	if !errors.Is(err, os.ErrNotExist) {
		p.must(err)
	}
	p.write("pbxjail.yaml", string(text)+known(strings.Join(append(lines, ""), "\n")))
}

// reference is what the programs of BIN say of their keys; "" without BIN.
var reference = sync.OnceValue(func() string {
	if os.Getenv("BIN") == "" {
		return ""
	}
	text, _ := exec.Command(program("jailctl"), "check", "--reference").Output()
	return string(text)
})

// known leaves out the lines whose key the programs of BIN do not know, so that a test can
// show what an older release does.
func known(text string) string {
	if reference() == "" {
		return text
	}
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool {
		key, _, isKey := strings.Cut(line, ":")
		return isKey && !strings.Contains(reference(), "\n"+key+":") && !strings.Contains(reference(), "\n# "+key+":")
	}), "")
}

// eventually waits until it is so.
func (p *pbx) eventually(what string, so func() bool) {
	p.Helper()
	if !poll(so) {
		p.Fatalf("never came: %s; the daemon said:\n%s", what, p.said())
	}
}

// said is what the daemon printed so far.
func (p *pbx) said() string {
	text, _ := os.ReadFile(p.path("daemon.log"))
	return string(text)
}

// logged waits until the daemon has said it.
func (p *pbx) logged(expr string) {
	p.Helper()
	re := regexp.MustCompile("(?m)" + expr)
	p.eventually(expr, func() bool { return re.MatchString(p.said()) })
}

// command is a daemon that is not started yet.
func (p *pbx) command(args ...string) *exec.Cmd {
	return exec.Command(program("pbxjail"), append(args, "--config", p.path("pbxjail.yaml"))...)
}

// asOrdinaryUser makes it the program of an ordinary user, who owns what it writes.
func (p *pbx) asOrdinaryUser(cmd *exec.Cmd) *exec.Cmd {
	p.Helper()
	const overflowUser = 65534
	for _, dir := range []string{p.dir, p.path("state")} {
		p.must(os.Chown(dir, overflowUser, overflowUser))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: overflowUser, Gid: overflowUser}}
	return cmd
}

// start starts the daemon inside the PBX's namespace, and waits until it answers.
func (p *pbx) start() { p.Helper(); p.startAs(p.command()) }

func (p *pbx) startAs(cmd *exec.Cmd) {
	p.Helper()
	d, err := launch(cmd, p.path("daemon.log"), p.net.PBX.Start)
	p.must(err)
	p.daemon = d
	p.Cleanup(func() {
		if err := d.clean(); err != nil {
			p.Error(err)
		}
	})
	p.eventually("an answer of the daemon", func() bool { _, err := p.try("status"); return err == nil || d.gone() })
	if d.gone() {
		p.Fatalf("the daemon ended: %v\n%s", d.exit, p.said())
	}
}

// fails runs a daemon that must not come up, and returns what it said.
func (p *pbx) fails(cmd *exec.Cmd) string {
	p.Helper()
	d, err := launch(cmd, p.path("daemon.log"), p.net.PBX.Start)
	p.must(err)
	p.eventually("its end", d.gone)
	if got := cmd.ProcessState.ExitCode(); got != 1 {
		p.Errorf("got exit status %d, want 1", got)
	}
	return p.said()
}

// stop ends the daemon as systemd does, crash as a crash.
func (p *pbx) stop()  { p.Helper(); p.must(p.daemon.end(syscall.SIGTERM)) }
func (p *pbx) crash() { p.Helper(); p.must(p.daemon.end(os.Kill)) }

// try runs jailctl.
func (p *pbx) try(args ...string) (string, error) {
	var out, complaint bytes.Buffer
	cmd := exec.Command(program("jailctl"), append(args, "--socket", p.path("sock"))...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("jailctl %s: %w: %s\nit printed:\n%s", strings.Join(args, " "), err, complaint.String(), out.String())
	}
	return out.String(), err
}

// ctl runs jailctl, which must succeed.
func (p *pbx) ctl(args ...string) string {
	p.Helper()
	out, err := p.try(args...)
	p.must(err)
	return out
}

// refused runs jailctl, which must fail with exit status 1, and returns what it complained of.
func (p *pbx) refused(args ...string) string {
	p.Helper()
	_, err := p.try(args...)
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 1 {
		p.Fatalf("jailctl %s: got %v, want exit status 1", strings.Join(args, " "), err)
	}
	return err.Error()
}

// ban is what we read of `jailctl list --json`.
type ban struct {
	Prefix  netip.Prefix `json:"prefix"`
	Jail    string       `json:"jail"`
	Until   *time.Time   `json:"until"`
	Left    int64        `json:"left_seconds"`
	Strike  int          `json:"strike"`
	By      string       `json:"by"`
	Packets uint64       `json:"packets"`
	Pending bool         `json:"pending"`
	Ports   string       `json:"ports"`
}

// list is `jailctl list` by address.
func (p *pbx) list() map[string]ban {
	p.Helper()
	var bans []ban
	p.must(json.Unmarshal([]byte(p.ctl("list", "--json")), &bans))
	byAddr := map[string]ban{}
	for _, b := range bans {
		byAddr[b.Prefix.Addr().String()] = b
	}
	return byAddr
}

// status is what we read of `jailctl status --json`.
type status struct {
	Enforcer  string `json:"enforcer"`
	Enforcing bool   `json:"enforcing"`
	Problems  []struct {
		What string `json:"what"`
		Hint string `json:"hint"`
	} `json:"problems"`
	Files []struct {
		Path    string `json:"path"`
		Offset  int64  `json:"offset"`
		Size    int64  `json:"size"`
		Lines   int    `json:"lines"`
		Problem string `json:"problem"`
	} `json:"files"`
	Counters struct {
		Lines int `json:"lines"`
	} `json:"counters"`
}

func (p *pbx) status() (s status) {
	p.Helper()
	p.must(json.Unmarshal([]byte(p.ctl("status", "--json")), &s))
	return s
}

// history waits until the ledger holds so many bans of an address: a ban is in
// the kernel first.
func (p *pbx) history(addr string, n int) {
	p.Helper()
	p.eventually(fmt.Sprintf("%d bans of %s in the database", n, addr), func() bool {
		var why struct{ History []ban }
		p.must(json.Unmarshal([]byte(p.ctl("why", addr, "--json")), &why))
		return len(why.History) == n
	})
}

// offence is a wrong password from an address, as Asterisk logs it now.
func offence(addr string) string {
	from := netip.AddrPortFrom(netip.MustParseAddr(addr), 5071)
	return fmt.Sprintf("[%s] NOTICE[1638] chan_sip.c: Registration from '\"301\" <sip:301@pbx.example>' failed for '%s' - Wrong password\n",
		time.Now().Format(time.DateTime), from)
}

// attack logs n offences of an address, one write for each line.
func (p *pbx) attack(addr string, n int) { p.Helper(); p.attackIn("security", addr, n) }

func (p *pbx) attackIn(log, addr string, n int) {
	p.Helper()
	f, err := os.OpenFile(filepath.Join(p.logs(), log), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	p.must(err)
	defer f.Close()
	for range n {
		_, err := f.WriteString(offence(addr))
		p.must(err)
	}
}

// banned waits until an address is banned.
func (p *pbx) banned(addr string) ban {
	p.Helper()
	var b ban
	p.eventually("ban of "+addr, func() (ok bool) { b, ok = p.list()[addr]; return ok && !b.Pending })
	return b
}

// answered reports whether the PBX answers a packet from an address.
func (p *pbx) answered(addr string) bool {
	p.Helper()
	got, err := p.net.Answered(p.Context(), netip.MustParseAddr(addr))
	p.must(err)
	return got
}

// stranger is an address that no test bans.
var stranger = netip.MustParseAddr("198.18.7.9")

// answeredNow reports whether an address is answered. A busy machine can be silent for as long
// as an answer is waited for: silence that is not wanted counts when a stranger, who asks at
// the same time, is answered, or when it has lasted very long.
func (p *pbx) answeredNow(addr string, want bool) (got bool, err error) {
	got, err = p.net.Answered(p.Context(), netip.MustParseAddr(addr))
	for range 20 {
		if got || !want || err != nil {
			break
		}
		others := make(chan bool)
		go func() {
			answered, err := p.net.Answered(p.Context(), stranger)
			others <- answered || err != nil
		}()
		got, err = p.net.Answered(p.Context(), netip.MustParseAddr(addr))
		if <-others {
			break
		}
	}
	return got, err
}

// wantAnswers checks at once whose packets get through.
func (p *pbx) wantAnswers(want bool, addrs ...string) {
	p.Helper()
	got := make(chan string)
	for _, addr := range addrs {
		go func() {
			answer, err := p.answeredNow(addr, want)
			switch {
			case err != nil:
				got <- err.Error()
			case answer != want:
				got <- fmt.Sprintf("%s answered: got %v, want %v", addr, answer, want)
			default:
				got <- ""
			}
		}()
	}
	for range addrs {
		if wrong := <-got; wrong != "" {
			p.Error(wrong)
		}
	}
}

// kernel runs a program inside the PBX's namespace.
func (p *pbx) kernel(name string, args ...string) string {
	p.Helper()
	out, err := p.net.PBX.Output(exec.Command(name, args...))
	p.must(err)
	return string(out)
}

func wantMatch(t testing.TB, text, expr string) {
	t.Helper()
	if !regexp.MustCompile("(?m)" + expr).MatchString(text) {
		t.Errorf("got %q, want a match of %q", text, expr)
	}
}
