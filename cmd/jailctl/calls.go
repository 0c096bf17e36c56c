package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/dialplan"
	"pbxjail/configs"
	"pbxjail/configs/show"
)

func (a *app) callsVerb() *cobra.Command {
	var config string
	var printed bool
	page, _ := topic("stolen-accounts") // jailctl help calls shows it, and the flags
	c := &cobra.Command{
		Use:   "calls",
		Short: "the calls of each account, and the accounts that look stolen",
		Long:  page,
		Args:  takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if printed {
				return a.printDialplan(config)
			}
			list, err := control.Ask(c.Context(), a.client(), control.CallCalls, control.CallsRequest{})
			if err != nil {
				return err
			}
			if a.json {
				return a.emit(list)
			}
			return a.printCalls(list)
		},
	}
	configFlag(c, &config)
	c.Flags().BoolVar(&printed, "dialplan", false, "print the lines of the dialplan that refuse calls of a barred account")
	c.AddCommand(a.callsUnbarVerb())
	return c
}

func (a *app) callsUnbarVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "unbar ACCOUNT",
		Short: "let an account call again, and count its calls from zero",
		Args:  takes("ACCOUNT"),
		RunE: func(c *cobra.Command, args []string) error {
			name := unescaped(args[0])
			done, err := control.Ask(c.Context(), a.client(), control.CallUnbar, control.UnbarRequest{Account: name})
			if err != nil {
				return err
			}
			if a.json {
				return a.emit(done)
			}
			switch {
			case done.Unbarred:
				a.say("account %s may call again. Its calls now count from zero", args[0])
			case done.Cleared:
				a.say("account %s was not barred. Its calls now count from zero", args[0])
			default:
				a.say("account %s is at no critical limit, so nothing changed", args[0])
			}
			for _, addr := range done.Addrs {
				a.say("the password of this account may be guessed, because %s logged in. Change the password; then: jailctl ack %s", addr, addr)
			}
			return nil
		},
	}
}

func (a *app) printCalls(list control.Calls) error {
	if !list.Enabled {
		a.say("calls are not watched, because calls is off")
		a.say("   hint: write into the main file: calls: {enabled: true, country: DE}, with your own country in place of DE; then: jailctl reload. To read more: jailctl help calls")
		return nil
	}
	a.say("home country: %s; what pbxjail does at a critical limit: %s", list.Country, strings.Join(list.Actions, ", "))
	for _, s := range list.Sources {
		a.say("source: %s", sourceText(s))
	}
	if len(list.Sources) == 0 {
		a.say("source: none, so pbxjail sees no calls. To read more: jailctl help calls")
	}
	if len(list.Accounts) == 0 {
		a.say("no account made a call in the last 24 hours")
		return nil
	}
	a.say("")
	t := a.newTable("ACCOUNT", "LEVEL", "TO", "CALLS", "MINUTES", "NOW", "NEAREST LIMIT", "COUNTRIES", "STATE")
	for _, one := range list.Accounts {
		first := true
		for _, n := range one.Counts {
			if n.To == "national" && len(one.Counts) > 1 && len(n.Limits) == 0 {
				continue
			}
			cells := []string{"", "", n.To, number(n.Calls), number(minutes(n.Seconds)), number(n.Running), nearest(n.Limits), "", ""}
			if first {
				cells[0], cells[1], cells[7], cells[8] = one.Account, one.Level, places(one.Countries), caseState(one.Case)
				first = false
			}
			t.row(cells...)
		}
		if first {
			t.row(one.Account, one.Level, "", "0", "0", "0", "", places(one.Countries), caseState(one.Case))
		}
	}
	if err := t.end(); err != nil {
		return err
	}
	a.say("")
	a.say("CALLS, MINUTES: of the last 24 hours; NOW: calls that run now; NEAREST LIMIT: the value now, of the warning limit/the critical limit")
	if list.Pooled > 0 {
		a.say("%d calls are counted together as (others), because there are too many accounts. To count each account, write a larger max_accounts below calls into the main file; then: jailctl reload", list.Pooled)
	}
	return nil
}

func minutes(seconds int64) int64 { return (seconds + 59) / 60 }

func sourceText(s control.CallSource) string {
	switch {
	case s.Name == "ami":
		return "AMI: calls are seen when they begin"
	case s.Problem != "":
		return s.Name + ": cannot be read: " + s.Problem
	}
	text := fmt.Sprintf("%s: %d records read", s.Name, s.Read)
	if s.Bad > 0 {
		text += fmt.Sprintf(", %d not understood", s.Bad)
	}
	return text + "; calls are seen when they are over"
}

// nearest is the limit that is reached first.
func nearest(limits []control.CallLimit) string {
	if len(limits) == 0 {
		return "no limit"
	}
	l := slices.MaxFunc(limits, func(x, y control.CallLimit) int { return cmp.Compare(x.Value*y.Critical, y.Value*x.Critical) })
	if l.Value == 0 {
		return ""
	}
	return limitText(l)
}

func limitText(l control.CallLimit) string {
	return fmt.Sprintf("%s %d of %d/%d", l.Kind, l.Value, l.Warning, l.Critical)
}

func places(list []control.CallPlace) string {
	var words []string
	for _, p := range list {
		words = append(words, fmt.Sprintf("%s %d", p.Country, p.Calls))
	}
	return strings.Join(words, ", ")
}

func caseState(c *control.CallCase) string {
	switch {
	case c == nil:
		return ""
	case c.Barred != nil:
		return "barred"
	}
	return "not barred"
}

// whyAccount asks for all that is known of the calls of an account.
func (a *app) whyAccount(c *cobra.Command, name string) error {
	list, err := control.Ask(c.Context(), a.client(), control.CallCalls, control.CallsRequest{Account: name})
	if err != nil {
		return err
	}
	if a.json {
		return a.emit(list)
	}
	return a.printAccount(list)
}

// printAccount prints all that is known of the calls of an account.
func (a *app) printAccount(list control.Calls) error {
	one := list.Accounts[0]
	switch {
	case !list.Enabled:
		a.say("account %s: calls are not watched, because calls is off. To switch it on: jailctl help calls", one.Account)
	case one.Case != nil && one.Case.Barred != nil:
		a.say("account %s made calls like a thief. It may make no calls since %s (barred)", one.Account, a.stamp(*one.Case.Barred))
	case one.Case != nil:
		a.say("account %s made calls like a thief. It may still make calls (NOT barred)", one.Account)
	case one.Level == "warning":
		a.say("account %s makes many calls, and is at a warning limit", one.Account)
	default:
		a.say("account %s is at no limit of calls", one.Account)
	}
	if c := one.Case; c != nil {
		a.say("  reason:    %s", c.What)
		a.say("  since:     %s (%s)", a.stamp(c.At), a.ago(c.At))
		a.printDuty(&one)
	}
	if one.Group != "" {
		a.say("  group:     %s (accountcode)", one.Group)
	}
	if one.Last != nil {
		a.say("  last call: %s; %d run now", a.ago(*one.Last), one.Running)
	}
	if text := places(one.Countries); text != "" {
		a.say("  countries: %s (calls of the last 24 hours)", text)
		a.say("  in all:    this account has called %s since pbxjail watches it", countryCount(one.Known))
	}
	if len(one.Numbers) > 0 {
		a.say("  numbers:   %s", strings.Join(one.Numbers, ", "))
	}
	for _, alarm := range one.Alarms {
		a.say("  alarm:     %s, %s", alarm.What, a.ago(alarm.At))
	}
	for _, l := range one.LogIns {
		a.say("  log-in:    from %s (%s), %d times, last %s", l.Latest, l.Service, l.Times, a.ago(l.Last))
	}
	if len(one.Counts) == 0 {
		return nil
	}
	a.say("")
	a.say("calls of the last 24 hours:")
	t := a.newTable("TO", "CALLS", "MINUTES", "COST", "LIMIT", "VALUE", "WARNING", "CRITICAL")
	for _, n := range one.Counts {
		price := ""
		if n.Cost > 0 {
			price = fmt.Sprintf("%.2f", n.Cost)
		}
		if len(n.Limits) == 0 {
			t.row(n.To, number(n.Calls), number(minutes(n.Seconds)), price, "none", "", "", "")
		}
		for _, l := range n.Limits {
			t.row(n.To, number(n.Calls), number(minutes(n.Seconds)), price, l.Kind, number(l.Value), number(l.Warning), number(l.Critical))
		}
	}
	return t.end()
}

// printDuty says what an admin does about an account that made calls like a thief: at once,
// and when the account is safe again.
func (a *app) printDuty(one *control.CallAccount) {
	if strings.HasPrefix(one.Account, "(") { // calls without an account of their own
		a.say("  do now:    jailctl status shows what to do about these calls")
		a.say("  at last:   close this case: jailctl calls unbar '%s'", one.Account)
		return
	}
	a.say("  do now:    ask the owner. If the owner did not make these calls, change the password of this account in Asterisk: then the thief can begin no new call")
	if one.Running > 0 {
		a.say("  running:   a new password does not end %s that run now. To see their channels: asterisk -rx 'core show channels concise'. The name of a channel is the text before the first !", show.Count(one.Running, "call"))
		a.say("             to end one: asterisk -rx 'channel request hangup CHANNEL'")
	}
	if one.Case.Barred != nil {
		a.say("  at last:   let this account call again, and close this case: jailctl calls unbar %s", one.Account)
		return
	}
	a.say("  at last:   close this case, also if the calls were in order: jailctl calls unbar %s", one.Account)
	a.say("  bar:       pbxjail can bar such accounts by itself: jailctl help calls")
}

func countryCount(n int) string {
	if n == 1 {
		return "1 country"
	}
	return number(n) + " countries"
}

// printDialplan prints what refuses the calls of a barred account.
func (a *app) printDialplan(config string) error {
	main, err := configs.LoadMain(cmp.Or(config, configs.DefaultMain), config != "")
	if err != nil {
		a.problem(err)
		return control.Refuse(0, "correct the main file: jailctl check shows its problems", "no dialplan is printed")
	}
	return a.write([]byte(dialplan.Bar(main.Calls.Outside, main.Calls.EmergencyNumbers())))
}
