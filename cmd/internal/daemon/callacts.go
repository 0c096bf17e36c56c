package daemon

import (
	"context"
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

// hangUp ends a channel. mu is held.
func (w *callWatch) hangUp(channel string) {
	m := w.manager
	if !w.live() {
		return
	}
	w.later(func() {
		ctx, cancel := context.WithTimeout(context.Background(), askTime)
		defer cancel()
		err := m.Hangup(ctx, channel)
		if err != nil {
			err = fmt.Errorf("hang up %s: %w", show.Escaped(channel), err)
		}
		w.says(err)
	})
}

// barOpen asks Asterisk to refuse the calls of the accounts at a critical limit that are not
// barred yet. mu is held.
func (w *callWatch) barOpen() {
	if w.engine == nil || !w.live() || !w.set.Does("bar") {
		return
	}
	m := w.manager
	for _, account := range w.engine.Unbarred() {
		if w.asking[account] || w.onlyReported(w.engine.Open(account)) {
			continue
		}
		w.asking[account] = w.later(func() {
			defer w.askedToBar(account)
			ctx, cancel := context.WithTimeout(context.Background(), askTime)
			defer cancel()
			if err := m.DBPut(ctx, barFamily, account, time.Now().UTC().Format(time.DateTime)); err != nil {
				w.says(fmt.Errorf("bar account %s: %w", show.Escaped(account), err))
				return
			}
			if !w.barred(account, time.Now()) { // an admin cleared it meanwhile
				w.says(m.DBDel(ctx, barFamily, account))
			}
		})
	}
}

// askedToBar notes that a request to bar an account has ended, well or not.
func (w *callWatch) askedToBar(account string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.asking, account)
}

// barred notes that an account is barred. open is false where its case is closed: it must not
// stay barred.
func (w *callWatch) barred(account string, now time.Time) (open bool) {
	w.mu.Lock()
	var c *calls.Case
	if w.engine != nil {
		open, c = w.engine.Open(account) != nil, w.engine.Barred(account, now)
	}
	w.mu.Unlock()
	if c == nil {
		return open
	}
	w.log.Warn("an account is barred: the key is in Asterisk's database", "account", show.Escaped(account), "key", barFamily+"/"+show.Escaped(account), "hint", "to let it call again: jailctl calls unbar "+show.Escaped(account))
	w.says(w.store.SaveStolen(c))
	return true
}

// Unbar closes the case of an account, and lets Asterisk accept its calls again. It does so
// also while calls are not watched.
func (w *callWatch) Unbar(q control.UnbarRequest, by string) (answer control.UnbarAnswer, err error) {
	open, m, err := w.openCase(q.Account)
	if err != nil {
		return answer, err
	}
	barred := open != nil && !open.Barred.IsZero()
	switch {
	case m != nil && !m.Since().IsZero():
		ctx, cancel := context.WithTimeout(context.Background(), askTime)
		defer cancel()
		if err = m.DBDel(ctx, barFamily, q.Account); err == nil {
			answer.Unbarred = barred
		} else if barred {
			return answer, fmt.Errorf("unbar account %s: %w", show.Escaped(q.Account), err)
		}
	case barred:
		return answer, control.Refuse(http.StatusConflict, "remove the key by hand: "+delCommand(q.Account)+"; or try again when jailctl status shows no problem with AMI", "account %s stays barred, because pbxjail has no connection to AMI of Asterisk", show.Escaped(q.Account))
	}
	if answer.Cleared = open != nil; !answer.Cleared {
		return answer, nil
	}
	w.mu.Lock()
	if w.engine != nil {
		w.engine.Clear(q.Account)
	}
	w.mu.Unlock()
	w.log.Info("an account may call again", "account", show.Escaped(q.Account), "by", by)
	return answer, w.store.DropStolen(q.Account)
}

// openCase is the case of an account; nil: it has none.
func (w *callWatch) openCase(account string) (*calls.Case, asteriskManager, error) {
	w.mu.Lock()
	on, m := w.engine != nil, w.manager
	var open *calls.Case
	if on {
		open = w.engine.Open(account)
	}
	w.mu.Unlock()
	if on {
		return open, m, nil
	}
	list, err := w.store.Stolen(false)
	if i := slices.IndexFunc(list, func(c calls.Case) bool { return c.Account == account }); i >= 0 {
		open = &list[i]
	}
	return open, m, err
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
	if account == calls.Others {
		return "more accounts make calls than pbxjail watches one by one: raise max_accounts of calls in the main file"
	}
	return "see what it did: jailctl why account " + name + "; if its owner did not make these calls, change its password in Asterisk. To clear the alarm, and to let a barred account call again: jailctl calls unbar " + name
}

// barsNow says what becomes of an account that has just reached a critical limit.
func (w *callWatch) barsNow(c *calls.Case) string {
	if w.onlyReported(c) {
		return "no: it is a trunk, and limits below calls in the main file do not name it"
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
	if (w.set.Does("bar") || w.set.Does("hangup")) && !w.live() {
		list = append(list, control.Problem{About: control.AboutCalls, What: "calls of a stolen account cannot be barred or hung up, because pbxjail has no connection to AMI of Asterisk whose user has write = system", Hint: "jailctl help ami shows how to connect; or write action: [tell] below calls in the main file"})
	}
	if w.problem != nil {
		list = append(list, control.Problem{About: control.AboutCalls, What: w.problem.Error(), Hint: hint.Of(w.problem)})
	}
	return list
}

// barWords says whether Asterisk refuses the calls of an account. mu is held.
func (w *callWatch) barWords(c *calls.Case) string {
	switch {
	case !c.Barred.IsZero():
		return "It is barred in the dialplan"
	case w.onlyReported(c):
		return trunkWords(c.Account)
	case w.set.Does("bar"):
		return "It is NOT barred yet"
	}
	return "It is not barred"
}
