package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/lab"
)

func e2eDialplanVerb() *cobra.Command {
	o := e2eOptions{}
	c := &cobra.Command{
		Use:   "e2e-dialplan",
		Short: "attack the dialplan that jailctl dialplan prints, and the well-known recipe beside it",
		Long: `Callers without an account send texts that a shell would run, that end a line or that look like
a record, in each field that a caller writes, over PJSIP, chan_sip and IAX2. First the well-known
recipe with System() gets them: it must run some, or the set is too weak. Then each form of the
dialplan of jailctl dialplan gets the same set: nothing may run, each call must be logged in one
record that pbxjail reads with the address of its sender, and no other address may be named.
At last pbxjail bans a sender, and no other address. The lines of jailctl calls --dialplan are
tried with an account of PJSIP and one of IAX2.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r := &report{out: c.OutOrStdout()}
			return o.each(c.Context(), r, nil, func(version, root string) error { return o.inject(c.Context(), r, version, root) })
		},
	}
	o.flags(c)
	return c
}

// injecting is an Asterisk that gets the injections.
type injecting struct {
	*scene
	*report
	bar     string                        // what jailctl calls --dialplan prints
	results map[string]map[string]*effect // by driver, and by injection and field
}

// effect is what became of an injection in a field.
type effect struct {
	recipe, ours bool   // whether its command ran
	logged       string // the line of ours, of the plain format
}

// drivers are those of this version.
func (p *injecting) drivers() []string {
	if p.version == "16" {
		return []string{"pjsip", "chan_sip", "iax2"}
	}
	return []string{"pjsip", "iax2"}
}

// inject attacks one Asterisk with each dialplan in turn.
func (o e2eOptions) inject(ctx context.Context, r *report, version, root string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	p := &injecting{scene: &scene{version: version, guests: true, cell: cell{logs: "messages", wire: true}}, report: r, results: map[string]map[string]*effect{}}
	if p.dir, err = os.MkdirTemp("", "pbxlab-"); err != nil {
		return err
	}
	if o.keep {
		defer func() { fmt.Fprintf(r.out, "  its logs are in %s\n", p.dir) }()
	} else {
		defer os.RemoveAll(p.dir)
	}
	defer func() { err = errors.Join(err, p.close()) }()
	bar, err := exec.Command(o.jailctl, "calls", "--dialplan").Output()
	if err != nil {
		return fmt.Errorf("print the lines for barred accounts: %w", err)
	}
	p.bar = string(bar)
	r.title("Asterisk %s: texts of callers in the dialplan", version)
	if err := errors.Join(os.Chmod(p.dir, 0o755), p.begin(ctx, o, root)); err != nil {
		return err
	}
	for _, recipe := range recipes {
		if err := p.act(ctx, o, "the recipe"+recipe.as, recipe.files(p.bar), true); err != nil {
			return err
		}
	}
	for _, format := range []string{"plain", "freepbx", "ael"} {
		files, err := p.printed(o, format)
		if err != nil {
			return err
		}
		if err := p.act(ctx, o, "jailctl dialplan --format "+format, files, false); err != nil {
			return err
		}
	}
	p.table()
	for _, last := range []func(context.Context) error{p.known, p.barred, p.bans} {
		if err := last(ctx); err != nil {
			return err
		}
	}
	return nil
}

// begin starts Asterisk, and no pbxjail yet.
func (p *injecting) begin(ctx context.Context, o e2eOptions, root string) (err error) {
	if p.net, err = lab.New(); err != nil {
		return err
	}
	p.guard = &guard{net: p.net, pbxjail: o.pbxjail, jailctl: o.jailctl, dir: p.dir}
	p.closers = append(p.closers, func() error {
		err := p.net.Close()
		p.guard.wait()
		if p.pbx != nil {
			p.pbx.Wait()
		}
		return err
	})
	if err := errors.Join(p.guard.prepare([]string{"messages"}), p.cell.configure(p.guard)); err != nil {
		return err
	}
	const guest = "context=pbxjail-guests\n"
	p.pbx, err = p.net.StartAsterisk(ctx, root, p.version, p.dir, p.guard.logs(), true, map[string]string{
		"logger.conf":       "[general]\ndateformat=%F %T\n[logfiles]\nmessages => notice,warning,error\nfull => notice,warning,error,verbose(3)\n",
		"pjsip-guests.conf": "[anonymous]\ntype=endpoint\ndisallow=all\nallow=ulaw\n" + guest,
		"sip-guests.conf":   "allowguest=yes\n" + guest,
		"iax-guests.conf":   "[guest]\ntype=user\n" + guest,
		"rtp.conf":          "[general]\nrtpstart=10000\nrtpend=30000\n",
		"extensions.conf":   common(p.bar),
	})
	return err
}

// common is the dialplan that is beside each other one: accounts call a number without a
// route, and a number that a barred account cannot call.
func common(bar string) string {
	return "[general]\n[from-internal]\nexten => 7000,1,Set(__FROM_DID=${EXTEN})\n same => n,Goto(pbxjail-unknown,s,1)\n" +
		"exten => 7001,1,Gosub(pbxjail-bar,b${FILTER(0-9,${EXTEN})},1)\n same => n,Verbose(1,pbxlab: not barred)\n same => n,Hangup()\n" + bar
}

// recipes are forms of the recipe that logs unknown calls with System().
var recipes = []dangerous{
	{"", "${CALLERIDNUM} to ${FROM_DID} IPdetails ${uri}"},
	{", as it is used today", "${CALLERID(num)} (${CALLERID(name)}) to ${FROM_DID} IPdetails ${uri} UA ${agent}"},
}

// dangerous is a form of the recipe, with what its line holds.
type dangerous struct{ as, says string }

// files are the dialplan with this form of the recipe.
func (d dangerous) files(bar string) map[string]string {
	return map[string]string{"extensions.conf": common(bar) + `[pbxjail-guests]
exten => _.,1,Set(__FROM_DID=${EXTEN})
 same => n,Goto(catchall,s,1)
exten => s,1,Goto(catchall,s,1)
[catchall]
exten => s,1,NoOp(Dead calls)
exten => s,n,GotoIf($["${CHANNEL(channeltype)}" = "PJSIP"]?pjsip)
exten => s,n,GotoIf($["${CHANNEL(channeltype)}" = "SIP"]?sip:log)
exten => s,n(pjsip),Set(uri=${CHANNEL(pjsip,target_uri)})
exten => s,n,Set(agent=${PJSIP_HEADER(read,User-Agent)})
exten => s,n,Goto(log)
exten => s,n(sip),Set(uri=${CHANNEL(uri)})
exten => s,n,Set(agent=${CHANNEL(useragent)})
exten => s,n(log),System(echo "[${STRFTIME(${EPOCH},,%b %d %H:%M:%S)}] SECURITY[] Unknown Call from ` + d.says + `" >> /var/log/asterisk/sipsec.log)
exten => s,n,Hangup(21)
`}
}

// printed is the dialplan that jailctl prints, in this format.
func (p *injecting) printed(o e2eOptions, format string) (map[string]string, error) {
	text, err := exec.Command(o.jailctl, "dialplan", "--driver", strings.Join(p.drivers(), ","), "--format", format).Output()
	if err != nil {
		return nil, fmt.Errorf("print the dialplan: %w", err)
	}
	switch format {
	case "ael":
		return map[string]string{"extensions.conf": common(p.bar), "extensions.ael": string(text)}, nil
	case "freepbx": // freepbx/core:functions.inc.php: ext-did-catchall, and an inbound route for any DID
		route := "[pbxjail-guests]\nexten => _.,1,Set(__FROM_DID=${EXTEN})\n same => n,Goto(pbxjail-unknown,s,1)\nexten => s,1,Set(__FROM_DID=s)\n same => n,Goto(pbxjail-unknown,s,1)\nexten => h,1,Hangup()\n"
		return map[string]string{"extensions.conf": common(p.bar) + route + string(text)}, nil
	}
	return map[string]string{"extensions.conf": common(p.bar) + string(text)}, nil
}

// load makes Asterisk read another dialplan, and begin new logs.
func (p *injecting) load(files map[string]string) error {
	if err := p.pbx.Configure(files); err != nil {
		return err
	}
	commands := []string{"dialplan reload"}
	if files["extensions.ael"] != "" {
		commands = append(commands, "module load pbx_ael.so")
	}
	for _, c := range commands {
		if _, err := p.pbx.CLI(c); err != nil {
			return err
		}
	}
	shown, err := p.pbx.CLI("dialplan show pbxjail-guests")
	if err == nil && !strings.Contains(shown, "Goto(") {
		err = fmt.Errorf("the dialplan is not loaded: %s", shown)
	}
	if _, rotate := p.pbx.CLI("logger rotate"); rotate != nil {
		err = errors.Join(err, rotate)
	}
	return err
}

// lines are those of a log that hold a text.
func (p *injecting) lines(log, with string) (found []string) {
	text, _ := os.ReadFile(filepath.Join(p.guard.logs(), log))
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, with) {
			found = append(found, strings.TrimRight(line, "\n"))
		}
	}
	return found
}
