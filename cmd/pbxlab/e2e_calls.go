package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/lab"
)

func e2eCallsVerb() *cobra.Command {
	o := e2eOptions{}
	c := &cobra.Command{
		Use:   "e2e-calls",
		Short: "let a thief guess a password and call abroad, and see who hears of it and how long the calls last",
		Long: `A thief guesses the password of an account on a real Asterisk, and then calls 20 numbers a minute
in Israel through it. An honest account has a call abroad beside it. The mail and the webhook
about the password must arrive within two seconds; the account must be barred, and its calls
hung up, within five seconds of its critical limit; the honest call goes on, and the barred
account can still call 112.

While the alarm about the password is open, the warning limit counts as the critical one. So the
theft is played twice: with the alarm open, and after an admin has closed it (jailctl ack). The
second time pbxjail speaks with Asterisk over TLS.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r := &report{out: c.OutOrStdout()}
			return o.each(c.Context(), r, map[string]string{"sipp": "sip-tester"}, func(version, root string) error {
				return errors.Join(o.theft(c.Context(), r, version, root, true), o.theft(c.Context(), r, version, root, false))
			})
		},
	}
	o.flags(c)
	return c
}

var (
	thiefAddr  = netip.MustParseAddr("203.0.113.66")
	honestAddr = netip.MustParseAddr("198.51.100.20")
)

const (
	stolenName, stolenPassword = "1001", "lab-1001-pass"
	honestName, honestPassword = "1002", "lab-1002-pass"
	carrierPort                = 5070
	messageLimit               = 2 * time.Second
	barLimit                   = 5 * time.Second
	amiSecret                  = "lab-pbxjail-9Tz"
)

// theftDialplan calls over the trunk, unless the lines of pbxjail end the call.
const theftDialplan = `[from-internal]
exten => 112,1,Answer()
 same => n,Wait(1)
 same => n,Hangup()
exten => _X.,1,Gosub(pbxjail-bar,b${FILTER(0-9,${EXTEN})},1)
 same => n,Dial(PJSIP/${EXTEN}@carrier,60)
 same => n,Hangup()
`

func theftFiles(snippet string) map[string]string {
	return map[string]string{
		"extensions.conf": theftDialplan + snippet,
		"pjsip-more.conf": fmt.Sprintf("[carrier](phone)\naors=carrier\n[carrier]\ntype=aor\ncontact=sip:192.0.2.1:%d\n", carrierPort),
		"manager-more.conf": "[pbxjail]\nsecret = " + amiSecret + "\ndeny = 0.0.0.0/0.0.0.0\npermit = 127.0.0.1/255.255.255.255\n" +
			"read = security,system,call,cdr\nwrite = system,call\n",
	}
}

func (s *scene) theftConfig() string {
	manager := fmt.Sprintf("user: pbxjail, secret_file: %q", filepath.Join(s.dir, "ami.secret"))
	if s.certificate != nil {
		manager += fmt.Sprintf(", address: '%s', tls: true, ca_file: %q", amiTLS, s.trusted())
	}
	return fmt.Sprintf(`ami: {%s}
calls: {enabled: true, country: DE, action: [tell, bar, hangup], rates: [{to: abroad, rate: 0.35}]}
notify:
  channels:
    - {name: web, type: webhook, url: 'http://127.0.0.1:8099/'}
    - {name: post, type: mail, server: '127.0.0.1:2525', tls: none, from: pbxjail@pbx.example, to: [admin@pbx.example]}
`, manager)
}

// theft plays the theft on one Asterisk, and judges. alarm says that no admin closes the alarm
// about the password before the calls.
func (o e2eOptions) theft(ctx context.Context, r *report, version, root string, alarm bool) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	s := &scene{version: version, cell: cell{logs: "security+messages", wire: true}}
	if s.dir, err = os.MkdirTemp("", "pbxlab-"); err != nil {
		return err
	}
	if err := os.Chmod(s.dir, 0o755); err != nil {
		return err
	}
	if o.keep {
		defer func() { fmt.Fprintf(r.out, "  its logs are in %s\n", s.dir) }()
	} else {
		defer os.RemoveAll(s.dir)
	}
	snippet, err := exec.Command(o.jailctl, "calls", "--dialplan").Output()
	if err != nil {
		return fmt.Errorf("print the dialplan: %w", err)
	}
	s.files = theftFiles(string(snippet))
	if !alarm {
		if err := s.serveTLS(); err != nil {
			return err
		}
	}
	s.cell.more = s.theftConfig()
	s.jails = map[string]string{"guessing.yaml": "maxretry: 30\nslow: {maxretry: 0}\n"} // the thief gets through
	if err := os.WriteFile(filepath.Join(s.dir, "ami.secret"), []byte(amiSecret+"\n"), 0o600); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r.title("Asterisk %s: a stolen account, %s", version, map[bool]string{true: "the alarm about its password is open", false: "the alarm about its password is closed"}[alarm])
	if err := s.open(ctx, o, root); err != nil {
		return err
	}
	post, err := openInbox(s.net.PBX)
	if err != nil {
		return err
	}
	defer post.close()
	p := &play{scene: s, report: r, post: post, alarm: alarm}
	for _, act := range []func(context.Context) error{p.trust, p.guess, p.acknowledge, p.call, p.after} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	return nil
}

// port is where PJSIP is.
func (s *scene) pjsipPort() uint16 {
	if s.version == "16" {
		return lab.PJSIPBesides
	}
	return lab.Port
}

// play is a theft.
type play struct {
	*scene
	*report
	post  *inbox
	alarm bool // the alarm about the password stays open
}

// acknowledge closes the alarm about the password, if an admin does so.
func (p *play) acknowledge(context.Context) error {
	if p.alarm {
		return nil
	}
	_, err := p.guard.ctl("ack", thiefAddr.String())
	return err
}

// guess guesses the password.
func (p *play) guess(ctx context.Context) error {
	thief, err := p.net.NewSender(ctx, "udp", thiefAddr, p.pjsipPort())
	if err != nil {
		return err
	}
	defer thief.Close()
	for n := range 7 {
		if status, err := thief.Register(stolenName, fmt.Sprintf("wrong-%d", n)); err != nil || status == 200 {
			return fmt.Errorf("guess %d: status %d, %w", n, status, err)
		}
	}
	if status, err := thief.Register(stolenName, stolenPassword); err != nil || status != 200 {
		return fmt.Errorf("the right password: status %d, %w", status, err)
	}
	begin := time.Now()
	for _, by := range []string{"mail", "webhook"} {
		var l letter
		ok := false
		until(ctx, 10*time.Second, func() bool { l, ok = p.post.first(by, stolenName, begin.Add(-time.Second)); return ok })
		if took := l.at.Sub(begin); !ok || took > messageLimit {
			p.fault("the %s about the password comes after %s", by, took)
		} else {
			fmt.Fprintf(p.out, "  %s about the guessed password: %d ms after the log-in\n", by, took.Milliseconds())
		}
	}
	for _, verb := range [][]string{{"status"}, {"doctor"}, {"history", "--kind", "guessed"}} {
		said := ""
		if !until(ctx, 10*time.Second, func() bool { said, _ = p.guard.ctl(verb...); return strings.Contains(said, stolenName) }) {
			p.fault("jailctl %s does not name account %s", strings.Join(verb, " "), stolenName)
		}
	}
	return nil
}

// numbers writes the numbers that sipp calls, with the account and its password.
func (p *play) numbers(name, account, password string, list []string) (string, error) {
	var text strings.Builder
	text.WriteString("SEQUENTIAL\n")
	for _, n := range list {
		fmt.Fprintf(&text, "%s;%s;[authentication username=%s password=%s]\n", n, account, account, password)
	}
	file := filepath.Join(p.dir, name)
	return file, os.WriteFile(file, []byte(text.String()), 0o644)
}

// sipp starts sipp in the world.
func (p *play) sipp(name string, args ...string) error {
	said, err := os.Create(filepath.Join(p.dir, name+".out"))
	if err != nil {
		return err
	}
	defer said.Close()
	cmd := exec.Command("sipp", append(args, "-nostdin", "-trace_err", "-error_file", filepath.Join(p.dir, name+".errors"))...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, said, said
	cmd.Env = append(os.Environ(), "HOME="+p.dir, "TERM=dumb")
	if err := p.net.World.Start(cmd); err != nil {
		return err
	}
	go cmd.Wait() // it ends with the namespace
	return nil
}

//go:embed testdata/sipp-stolen.xml
var sippStolen []byte

// call lets the honest account call once, and the stolen one 20 times a minute.
func (p *play) call(ctx context.Context) error {
	script := filepath.Join(p.dir, "stolen.xml")
	if err := os.WriteFile(script, sippStolen, 0o644); err != nil {
		return err
	}
	if err := p.sipp("carrier", "-sn", "uas", "-i", "192.0.2.1", "-p", fmt.Sprint(carrierPort)); err != nil {
		return err
	}
	var abroad []string
	for n := range 60 {
		abroad = append(abroad, fmt.Sprintf("009725912340%02d", n))
	}
	honestFile, err := p.numbers("honest.csv", honestName, honestPassword, []string{"0043123456789"})
	if err != nil {
		return err
	}
	thiefFile, err := p.numbers("thief.csv", stolenName, stolenPassword, abroad)
	if err != nil {
		return err
	}
	to := fmt.Sprintf("%s:%d", lab.PBX4, p.pjsipPort())
	if err := p.sipp("honest", to, "-sf", script, "-inf", honestFile, "-i", honestAddr.String(), "-p", "5072", "-m", "1"); err != nil {
		return err
	}
	if !until(ctx, 10*time.Second, func() bool { return p.channels(honestName) == 1 }) {
		return errors.New("the honest call does not begin")
	}
	if err := p.sipp("thief", to, "-sf", script, "-inf", thiefFile, "-i", thiefAddr.String(), "-p", "5074", "-r", "1", "-rp", "3000", "-l", "60", "-m", "40"); err != nil {
		return err
	}
	return nil
}

// channels is how many channels an account has.
func (p *play) channels(account string) int {
	said, _ := p.pbx.CLI("core show channels concise")
	return strings.Count("\n"+said, "\nPJSIP/"+account+"-")
}

// account is what we read of jailctl calls.
type account struct {
	Account string `json:"account"`
	Level   string `json:"level"`
	Case    *struct {
		At      time.Time  `json:"at"`
		What    string     `json:"what"`
		Barred  *time.Time `json:"barred"`
		Suspect bool       `json:"suspect"` // the warning limit was enough
	} `json:"case"`
}

func (p *play) account(name string) (found account) {
	var list struct {
		Accounts []account `json:"accounts"`
	}
	said, err := p.guard.ctl("calls", "--json")
	if err == nil && json.Unmarshal([]byte(said), &list) == nil {
		for _, a := range list.Accounts {
			if a.Account == name {
				return a
			}
		}
	}
	return account{}
}

// after waits for the bar, and looks who can still call.
func (p *play) after(ctx context.Context) error {
	var a account
	most := 0
	if !until(ctx, 90*time.Second, func() bool {
		most = max(most, p.channels(stolenName))
		a = p.account(stolenName)
		return a.Case != nil
	}) {
		said, _ := p.guard.ctl("calls")
		return fmt.Errorf("the account is at no critical limit; jailctl calls says:\n%s", said)
	}
	hung := until(ctx, 2*barLimit, func() bool { return p.channels(stolenName) == 0 })
	ended := time.Now()
	until(ctx, 2*barLimit, func() bool { a = p.account(stolenName); return a.Case.Barred != nil })
	fmt.Fprintf(p.out, "  %s\n  the stolen account had up to %d calls at once\n", a.Case.What, most)
	if a.Case.Suspect != p.alarm {
		p.fault("the alarm counted as open: %t, want %t", a.Case.Suspect, p.alarm)
	}
	p.within("all its calls are hung up", ended.Sub(a.Case.At), hung)
	if a.Case.Barred == nil {
		p.fault("the account is not barred")
	} else {
		p.within("it is barred", a.Case.Barred.Sub(a.Case.At), true)
	}
	if n := p.channels(honestName); n != 1 {
		p.fault("the honest account has %d calls, want 1", n)
	}
	if h := p.account(honestName); h.Level != "none" {
		p.fault("the honest account is at level %s", h.Level)
	}
	thief, err := p.net.NewSender(ctx, "udp", thiefAddr, p.pjsipPort())
	if err != nil {
		return err
	}
	defer thief.Close()
	if status, err := thief.Call(stolenName, stolenPassword, "00972591239999"); err != nil || status == 200 {
		p.fault("the barred account calls abroad: status %d, %v", status, err)
	}
	if status, err := thief.Call(stolenName, stolenPassword, "112"); err != nil || status != 200 {
		p.fault("the barred account cannot call 112: status %d, %v", status, err)
	}
	if bans, err := p.guard.bans(); err != nil || len(bans) > 0 {
		p.fault("got bans %v, %v, want none because of calls", bans, err)
	}
	return p.unbar(ctx)
}

func (p *play) within(what string, took time.Duration, done bool) {
	if !done || took > barLimit {
		p.fault("%s after %s, want %s at most", what, took.Round(time.Millisecond), barLimit)
		return
	}
	fmt.Fprintf(p.out, "  %s: %d ms after the critical limit\n", what, max(took, 0).Milliseconds())
}

// unbar looks what jailctl says, and lets the account call again.
func (p *play) unbar(ctx context.Context) error {
	for _, verb := range [][]string{{"status"}, {"doctor"}, {"history", "--kind", "stolen"}, {"history", "--kind", "barred"}} {
		said := ""
		if !until(ctx, 10*time.Second, func() bool { said, _ = p.guard.ctl(verb...); return strings.Contains(said, stolenName) }) {
			p.fault("jailctl %s does not name account %s", strings.Join(verb, " "), stolenName)
		}
	}
	said, _ := p.guard.ctl("why", "account", stolenName)
	p.quote(said)
	if _, err := p.guard.ctl("calls", "unbar", stolenName); err != nil {
		return err
	}
	if left, _ := p.pbx.CLI("database show pbxjail-barred"); !strings.Contains(left, "0 results found") {
		p.fault("a key is left in Asterisk's database: %s", left)
	}
	return nil
}
