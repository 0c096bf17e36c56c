package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pbxjail/cmd/internal/lab"
)

const (
	ourRecord = "pbxjail: unknown call over "
	rejected  = 403 // the answer to a call that ends with Hangup(21): RFC 3398 7.2.4.1
	logTime   = 5 * time.Second
)

// injected is an address that is named in texts of callers, and sends nothing.
var injected = netip.MustParseAddr("198.51.100.250")

// pools are where the callers of each driver are: one address for each call.
var pools = map[string]netip.Addr{
	"pjsip": netip.MustParseAddr("203.0.113.1"), "chan_sip": netip.MustParseAddr("198.51.100.1"), "iax2": netip.MustParseAddr("192.0.2.129"),
}

// bannedOf are callers that call so often that they are banned.
var bannedOf = map[string]netip.Addr{
	"pjsip": netip.MustParseAddr("203.0.113.200"), "chan_sip": netip.MustParseAddr("203.0.113.201"), "iax2": netip.MustParseAddr("203.0.113.202"),
}

// fieldsOf are what a caller writes over a driver.
func fieldsOf(driver string) []string {
	if driver == "iax2" {
		return []string{dialledField, numberField, nameField}
	}
	return []string{dialledField, numberField, nameField, agentField, contactField}
}

// act sends all injections over all drivers, and judges what ran and what was logged.
func (p *injecting) act(ctx context.Context, o e2eOptions, name string, files map[string]string, control bool) error {
	if err := p.load(files); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, driver := range p.drivers() {
		if p.results[driver] == nil {
			p.results[driver] = map[string]*effect{}
		}
		from, sent, taken := pools[driver], 0, map[netip.Addr]string{}
		for _, one := range injections {
			for _, field := range fieldsOf(driver) {
				key := one.what + "/" + field
				if p.results[driver][key] == nil {
					p.results[driver][key] = &effect{}
				}
				file := fmt.Sprintf("/run/i%d", sent)
				reached, err := p.send(ctx, driver, field, one.fill(file, injected.String()), from)
				if err != nil {
					return fmt.Errorf("%s, %s, %s in the %s: %w", name, driver, one.what, field, err)
				}
				if reached {
					taken[from] = key
				}
				sent, from = sent+1, from.Next()
			}
		}
		if !control {
			until(ctx, logTime, func() bool { return len(p.lines("messages", ourRecord)) >= len(taken) })
		} else {
			until(ctx, time.Second, func() bool { return false }) // shells of the last calls
		}
		commands := p.commands(driver, control)
		fmt.Fprintf(p.out, "  %s, %s: %d calls with injections, %d reached the dialplan, %d commands ran", name, driver, sent, len(taken), commands)
		if control {
			fmt.Fprintln(p.out)
			if commands == 0 {
				p.fault("%s, %s: no command ran, so the injections prove nothing", name, driver)
			}
			continue
		}
		if len(taken) < sent {
			p.fault("%s, %s: only %d of %d calls reached the dialplan", name, driver, len(taken), sent)
		}
		if err := p.read(o, name, driver, taken); err != nil {
			return err
		}
		if commands > 0 {
			p.fault("%s, %s: %d commands of callers ran", name, driver, commands)
		}
		if _, err := p.pbx.CLI("logger rotate"); err != nil {
			return err
		}
	}
	return nil
}

// send sends one call, and reports whether the dialplan got it.
func (p *injecting) send(ctx context.Context, driver, field, text string, from netip.Addr) (bool, error) {
	if driver == "iax2" {
		g := lab.IAXGuest{Called: "900123", Number: "101", Name: "x"}
		switch field {
		case dialledField:
			g.Called = text
		case numberField:
			g.Number = text
		case nameField:
			g.Name = text
		}
		return p.net.IAXGuestCall(ctx, from, g)
	}
	port := p.pjsipPort()
	if driver == "chan_sip" {
		port = lab.Port
	}
	s, err := p.net.NewSender(ctx, "udp", from, port)
	if err != nil {
		return false, err
	}
	defer s.Close()
	s.Patience = 4 * time.Second
	r := s.Request("INVITE", "101", "900123")
	switch uri := s.URI(escaped(text)); field {
	case dialledField:
		r.URI, r.To = uri, "<"+uri+">"
	case numberField:
		r.From = "<" + uri + ">;tag=1"
	case nameField:
		r.From = quoted(text) + " " + r.From
	case agentField:
		r.Agent = inHeader(text)
	case contactField:
		r.Contact = "<sip:" + escaped(text) + "@" + from.String() + ">"
	}
	answer, err := s.Do(r)
	if err == nil && answer.Status != 0 {
		err = s.Ack(r, answer)
	}
	return answer.Status == rejected, err
}

// commands counts the commands that ran, notes which, and removes their files.
func (p *injecting) commands(driver string, control bool) (n int) {
	at := 0
	for _, one := range injections {
		for _, field := range fieldsOf(driver) {
			if err := os.Remove(filepath.Join(p.dir, "run", fmt.Sprintf("i%d", at))); err == nil {
				n++
				result := p.results[driver][one.what+"/"+field]
				result.recipe, result.ours = result.recipe || control, result.ours || !control
			}
			at++
		}
	}
	return n
}

// parsed is what we read of `jailctl parse --json`.
type parsed struct {
	Result string      `json:"result"`
	Addr   *netip.Addr `json:"addr"`
	Rule   string      `json:"rule"`
	Text   string      `json:"text"`
}

// read judges the logs: one record for each call, with the address of its sender, and no
// other address.
func (p *injecting) read(o e2eOptions, name, driver string, taken map[netip.Addr]string) error {
	seen, fit := map[netip.Addr]int{}, 0
	for _, log := range []string{"messages", "full"} {
		out, err := exec.Command(o.jailctl, "parse", "--json", filepath.Join(p.guard.logs(), log)).Output()
		if err != nil {
			return fmt.Errorf("jailctl parse: %w", err)
		}
		for line := range bytes.Lines(out) {
			var e parsed
			if err := json.Unmarshal(line, &e); err != nil {
				return err
			}
			if e.Addr == nil || e.Result != "offence" {
				continue
			}
			if _, ours := taken[*e.Addr]; !ours {
				p.fault("%s, %s: %s names %s, which reached no dialplan: %.120q", name, driver, log, e.Addr, e.Text)
			}
			if log == "messages" && strings.Contains(e.Rule, "pbxjail unknown call") {
				seen[*e.Addr]++
				if result := p.results[driver][taken[*e.Addr]]; result != nil && result.logged == "" {
					result.logged = e.Text
				}
			}
		}
	}
	for addr, key := range taken {
		if seen[addr] != 1 {
			p.fault("%s, %s: got %d records of the call with %s", name, driver, seen[addr], key)
			continue
		}
		fit++
	}
	fmt.Fprintf(p.out, ", %d records with the address of the sender\n", fit)
	return nil
}

// table prints which injection ran where, and what the dialplan of ours logged.
func (p *injecting) table() {
	fmt.Fprintln(p.out)
	t := p.report.table("  DRIVER", "INJECTION", "THE RECIPE RAN IT FROM", "OURS RAN IT FROM", "OURS LOGGED OF THE NUMBER DIALLED")
	for _, driver := range p.drivers() {
		for _, one := range injections {
			var recipe, ours []string
			logged := "-"
			for _, field := range fieldsOf(driver) {
				result := p.results[driver][one.what+"/"+field]
				if result.recipe {
					recipe = append(recipe, field)
				}
				if result.ours {
					ours = append(ours, field)
				}
				if _, to, found := strings.Cut(result.logged, `, to `); found && field == dialledField {
					logged, _, _ = strings.Cut(strings.ReplaceAll(to, `\"`, `"`), ", number")
				}
			}
			fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", driver, one.what, orDash(recipe), orDash(ours), logged)
		}
	}
	if err := t.Flush(); err != nil {
		p.fault("print the table: %v", err)
	}
	fmt.Fprintln(p.out)
}

func orDash(list []string) string {
	if len(list) == 0 {
		return "-"
	}
	return strings.Join(list, ", ")
}

// known sees that a call of an account is no unknown call.
func (p *injecting) known(ctx context.Context) error {
	before := len(p.lines("messages", ourRecord))
	if err := p.account(ctx, "7000"); err != nil {
		return err
	}
	fmt.Fprintln(p.out, "  calls of accounts to a number without a route are refused, and not logged as unknown")
	if n := len(p.lines("messages", ourRecord)) - before; n > 0 {
		p.fault("%d calls of accounts are logged as unknown calls", n)
	}
	return nil
}

// account calls a number with an account of PJSIP and one of IAX2.
func (p *injecting) account(ctx context.Context, number string) error {
	s, err := p.net.NewSender(ctx, "udp", honestAddr, p.pjsipPort())
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = s.Call(honestName, honestPassword, number)
	_, iax := p.net.IAXCall(ctx, honestAddr, "iaxphone", "lab-iaxphone-9Kw", number)
	return errors.Join(err, iax)
}

// barred sees that the lines of jailctl calls --dialplan know accounts of PJSIP and IAX2.
func (p *injecting) barred(ctx context.Context) error {
	count := func() (barred, free int) {
		return len(p.lines("full", `"1,pbxjail: this account is barred"`)), len(p.lines("full", `"1,pbxlab: not barred"`))
	}
	for _, step := range []struct {
		command      string
		barred, free int
	}{{"database show", 0, 2}, {"database put pbxjail-barred %s 1", 2, 0}, {"database del pbxjail-barred %s", 0, 2}} {
		for _, account := range []string{honestName, "iaxphone"} {
			if _, err := p.pbx.CLI(strings.Replace(step.command, "%s", account, 1)); err != nil {
				return err
			}
		}
		barred, free := count()
		if err := p.account(ctx, "7001"); err != nil {
			return err
		}
		done := func() bool { b, f := count(); return b-barred >= step.barred && f-free >= step.free }
		written := until(ctx, logTime, done)
		if b, f := count(); !written || b-barred > step.barred || f-free > step.free {
			p.fault("%s: got %d calls barred and %d free, want %d and %d", step.command, b-barred, f-free, step.barred, step.free)
		}
	}
	fmt.Fprintln(p.out, "  jailctl calls --dialplan bars an account of PJSIP and one of IAX2, and lets both call when the key is gone")
	return nil
}

// bans sees that pbxjail bans a sender, and no other address.
func (p *injecting) bans(ctx context.Context) error {
	if err := p.startGuard(ctx); err != nil {
		return err
	}
	for _, driver := range p.drivers() {
		sender := bannedOf[driver]
		for _, one := range injections[len(injections)-4:] {
			if _, err := p.send(ctx, driver, dialledField, one.fill("/run/x", injected.String()), sender); err != nil && !errors.Is(err, lab.ErrSilent) {
				return err
			}
		}
		var list []ban
		held := until(ctx, 10*time.Second, func() bool {
			list, _ = p.guard.bans()
			return slices.ContainsFunc(list, func(b ban) bool { return b.Prefix.Contains(sender) })
		})
		for _, b := range list {
			if !b.Prefix.Contains(sender) {
				p.fault("%s: %s is banned, and should not be: %s", driver, b.Prefix, b.Reason)
			} else {
				fmt.Fprintf(p.out, "  %s: %s is banned by %s\n", driver, b.Prefix, b.Jail)
			}
		}
		if !held {
			p.fault("%s: %s is not banned", driver, sender)
		}
		if _, err := p.guard.ctl("unban", sender.String()); err != nil && held {
			return err
		}
	}
	return nil
}
