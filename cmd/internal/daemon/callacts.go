package daemon

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
	"pbxjail/jails/calls"
)

// barOpen has the accounts at a critical limit barred that are not yet. mu is held.
func (w *callWatch) barOpen() {
	for _, account := range w.engine.Unbarred() {
		if one := (order{account: account}); w.isWanted(one) {
			w.orders.add(one)
		}
	}
}

// wants reports whether an order is to be done now.
func (w *callWatch) wants(o order) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.engine != nil && w.isWanted(o)
}

// isWanted reports whether an order is to be done: the account is at a critical limit, and its
// call runs. A channel that has called an emergency number since is left alone. mu is held.
func (w *callWatch) isWanted(o order) bool {
	c := w.engine.Open(o.account)
	switch {
	case c == nil || w.onlyReported(c):
		return false
	case o.channel != "":
		return w.set.Does("hangup") && w.engine.Runs(o.channel, o.account)
	}
	return w.set.Does("bar") && c.Barred.IsZero()
}

// barred notes that Asterisk refuses the calls of an account.
func (w *callWatch) barred(account string, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.engine == nil || w.engine.Barred(account, now) == nil {
		return
	}
	w.unsaved[account] = true
	w.later(func() {
		w.log.Warn("an account is barred: the key is in Asterisk's database", "account", show.Escaped(account), "key", barFamily+"/"+show.Escaped(account), "hint", "to let it call again: jailctl calls unbar "+show.Escaped(account))
	})
}

// channelsAre takes the channels that there are, and reports whether it could.
func (w *callWatch) channelsAre(list []string, asked time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.engine == nil {
		return false
	}
	now := time.Now()
	w.found(w.engine.Keep(list, asked, now), now)
	return true
}

// Unbar closes the case of an account, and lets Asterisk accept its calls again. It does so
// also while calls are not watched.
func (w *callWatch) Unbar(q control.UnbarRequest, by string) (answer control.UnbarAnswer, err error) {
	var open *calls.Case
	look := func() (barred bool, err error) {
		open, err = w.openCase(q.Account)
		return open != nil && !open.Barred.IsZero(), err
	}
	answer.Unbarred, err = w.orders.unbar(q.Account, look, func() error {
		if answer.Cleared = open != nil; !answer.Cleared {
			return nil
		}
		w.mu.Lock()
		on := w.engine != nil
		if on {
			w.engine.Clear(q.Account)
			w.unsaved[q.Account] = true
		}
		w.mu.Unlock()
		w.log.Info("an account may call again", "account", show.Escaped(q.Account), "by", by)
		if on {
			return w.keep.save(true)
		}
		return w.keep.store.DropStolen(q.Account)
	})
	if errors.Is(err, errNotConnected) {
		return answer, control.Refuse(http.StatusConflict, "remove the key by hand: "+delCommand(q.Account)+"; or try again when jailctl status shows no problem with AMI", "account %s stays barred, because pbxjail has no connection to AMI of Asterisk", show.Escaped(q.Account))
	}
	return answer, err
}

// openCase is the case of an account; nil: it has none.
func (w *callWatch) openCase(account string) (open *calls.Case, err error) {
	w.mu.Lock()
	on := w.engine != nil
	if on {
		if c := w.engine.Open(account); c != nil {
			open = new(*c)
		}
	}
	w.mu.Unlock()
	if on {
		return open, nil
	}
	list, err := w.keep.store.Stolen(false)
	if i := slices.IndexFunc(list, func(c calls.Case) bool { return c.Account == account }); i >= 0 {
		open = &list[i]
	}
	return open, err
}

// delCommand removes a key by hand. The name of an account is an argument of asterisk -rx.
func delCommand(account string) string {
	return "asterisk -rx 'database del " + barFamily + " " + strings.Map(plain, account) + "'"
}

// plain keeps what needs no quotes.
func plain(c rune) rune {
	if c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '_' || c == '.' {
		return c
	}
	return '?'
}

// stolenHint is what an admin does about an account that looks stolen.
func stolenHint(account string) string {
	name := show.Escaped(account)
	switch account {
	case calls.Guests:
		return guestsHint
	case calls.Others:
		return "more accounts make calls than pbxjail watches one by one: raise max_accounts of calls in the main file"
	}
	return "see what it did: jailctl why account " + name + "; if its owner did not make these calls, change its password in Asterisk. To clear the alarm, and to let a barred account call again: jailctl calls unbar " + name
}

// barsNow says what becomes of an account that has just reached a critical limit.
func (w *callWatch) barsNow(c *calls.Case) string {
	if w.onlyReported(c) {
		return "no: it is only reported"
	}
	if w.set.Does("bar") {
		return "pbxjail bars it now"
	}
	return "no: action of calls in the main file does not have bar"
}

// findingText says what an account did, for a message.
func findingText(f *calls.Finding) string {
	name := show.Escaped(f.Account)
	if f.Open == nil {
		return fmt.Sprintf("account %s makes many calls: %s (warning limit %d)", name, f.What(), f.Limit)
	}
	return "account " + name + " makes calls like a thief: " + caseText(f.Open)
}

// caseText says what an account at a critical limit did.
func caseText(c *calls.Case) string {
	text := fmt.Sprintf("%s (critical limit %d). %s", c.What(), c.Limit, c.Sum())
	if c.Suspect {
		text = fmt.Sprintf("%s (warning limit %d), and its password may be guessed. %s", c.What(), c.Limit, c.Sum())
	}
	if len(c.Numbers) > 0 {
		text += ". Last numbers: " + strings.Join(c.Numbers, ", ")
	}
	return show.Terminal(text)
}

// problems are for status: each account at a critical limit, and what does not work.
func (w *callWatch) problems(now time.Time) (list []control.Problem) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.engine == nil {
		return nil
	}
	for i, c := range w.engine.Cases() {
		if i == mostAlarms {
			list = append(list, control.Problem{About: control.AboutCalls, What: "more accounts make calls like a thief", Hint: "jailctl calls lists them"})
			break
		}
		list = append(list, control.Problem{About: control.AboutCalls, What: "account " + show.Escaped(c.Account) + " made calls like a thief " + show.Ago(c.At, now) + ": " + caseText(&c) + ". " + w.barWords(&c), Hint: stolenHint(c.Account)})
	}
	if what, do := w.blind(); what != "" {
		list = append(list, control.Problem{About: control.AboutCalls, What: what, Hint: do})
	}
	if (w.set.Does("bar") || w.set.Does("hangup")) && !w.orders.live() {
		list = append(list, control.Problem{About: control.AboutCalls, What: "calls of a stolen account cannot be barred or hung up, because pbxjail has no connection to AMI of Asterisk whose user has write = system", Hint: "jailctl help ami shows how to connect; or write action: [tell] below calls in the main file"})
	}
	for _, err := range []error{w.keep.trouble(), w.orders.trouble()} {
		if err != nil {
			list = append(list, control.Problem{About: control.AboutCalls, What: err.Error() + "; pbxjail tries again", Hint: hint.Of(err)})
		}
	}
	return list
}

// barWords says whether Asterisk refuses the calls of an account. mu is held.
func (w *callWatch) barWords(c *calls.Case) string {
	switch {
	case !c.Barred.IsZero():
		return "It is barred in the dialplan"
	case w.onlyReported(c):
		return w.reportedWords(c)
	case w.set.Does("bar"):
		return "It is NOT barred yet"
	}
	return "It is not barred"
}
