package daemon

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/explain"
	"pbxjail/cmd/internal/messages"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
	"pbxjail/jails/history"
	"pbxjail/jails/store"
)

// Erase deletes what is known of an address or an account: in memory, in the ledger, in
// the history, and in messages that wait.
func (b *backend) Erase(q control.EraseRequest, by string) (answer control.EraseAnswer, err error) {
	b.past.filing.Lock() // nothing is copied meanwhile
	defer b.past.filing.Unlock()
	now, target := time.Now(), store.Target{Prefix: q.Prefix, Account: q.Account}
	if q.Unban {
		list := append(b.warden.Inside(q.Prefix, now), q.Prefix)
		slices.SortFunc(list, netip.Prefix.Compare)
		if _, err := b.warden.Unban(slices.Compact(list), by, now); err != nil {
			return answer, err
		}
	}
	if err := b.warden.Forget(q.Prefix, q.Account); err != nil {
		return answer, err
	}
	b.calls.forget(q.Account)
	e, err := b.store.Erase(target, now)
	if err != nil {
		return answer, err
	}
	answer = control.EraseAnswer{
		Receipt: receipt(), Bans: e.Bans, Lines: e.Lines, LogIns: e.LogIns, Alarms: e.Alarms, Moments: e.Moments, Audit: e.Audit, Countries: e.Countries,
		Running: e.Running, Allowed: e.Allowed, Copies: b.store.Copies(),
	}
	unsent, failed := b.post.Forget(func(i *messages.Item) bool { return target.Meant(i.Prefix, i.What, i.Hint) })
	answer.Messages = unsent
	a, err := b.past.asked()
	if err == nil {
		answer.History, err = a.Erase(q.Prefix, q.Account)
	}
	if err = errors.Join(failed, err, b.store.Scrub()); err != nil {
		err = hint.Add("make free space on the disk of the database: twice the size of its files (ls -l /var/lib/pbxjail); then give the command again",
			fmt.Errorf("the entries are deleted, but their bytes may still be in the files of pbxjail: %w", err))
	}
	b.follow()
	return answer, err
}

// receipt is a number that says nothing of what was erased.
func receipt() string {
	var b [6]byte
	rand.Read(b[:]) // it never fails: crypto/rand.Read
	return hex.EncodeToString(b[:])
}

// Export returns all that is stored of an address, or of an account.
func (b *backend) Export(q control.ExportRequest, _ string) (x control.Export, err error) {
	if q.Account != "" {
		return b.exportAccount(q.Account)
	}
	now, p := time.Now(), netip.PrefixFrom(q.Addr, q.Addr.BitLen())
	x = control.Export{Addr: q.Addr, At: now.UTC(), Now: b.Why(q.Addr), Also: alsoAt(b.store.Copies())}
	bans, err := b.store.History(p, control.MostHistory)
	if err != nil {
		return x, err
	}
	for i := range bans {
		x.Bans = append(x.Bans, control.ExportBan{Ban: b.shown(&bans[i], false, now), Lines: explain.Lines(bans[i].Jail, bans[i].Lines)})
	}
	if err := b.exportKnown(&x, store.Target{Prefix: p}); err != nil {
		return x, err
	}
	for _, allowed := range b.Allowed() {
		if a, err := netip.ParseAddr(allowed.What); err == nil && a == q.Addr {
			x.Allowed = append(x.Allowed, allowed)
		}
	}
	return x, b.exportPast(&x, history.Filter{Net: p})
}

// exportAccount returns all that is stored of an account.
func (b *backend) exportAccount(account string) (x control.Export, err error) {
	x = control.Export{Account: show.Escaped(account), At: time.Now().UTC(), Also: alsoAt(b.store.Copies())}
	if err := b.exportKnown(&x, store.Target{Account: account}); err != nil {
		return x, err
	}
	k, err := b.store.CallsOf(account)
	if err != nil {
		return x, err
	}
	x.Calls = &control.ExportCalls{Counted: control.Moment(k.Counted)}
	for _, c := range k.Countries {
		x.Calls.Countries = append(x.Calls.Countries, control.ExportCountry{Country: c.Code, Last: c.At.UTC()})
	}
	if a := b.calls.answer(account, x.At); len(a.Accounts) == 1 {
		x.Calls.Now = &a.Accounts[0]
	} else if k.Case != nil { // calls are not watched now
		x.Calls.Now = &control.CallAccount{Account: x.Account, Level: "critical", Numbers: k.Case.Numbers, Case: &control.CallCase{At: k.Case.At.UTC(), Kind: k.Case.Kind, What: caseText(k.Case), Barred: control.Moment(k.Case.Barred), Suspect: k.Case.Suspect}}
	}
	return x, b.exportPast(&x, history.Filter{Account: account})
}

// exportKnown adds what the database has beside bans of its own.
func (b *backend) exportKnown(x *control.Export, of store.Target) error {
	known, err := b.store.Known(of)
	if err != nil {
		return err
	}
	x.Lines = explain.Lines("", known.Lines)
	x.LogIns = logInsOf(known.LogIns)
	for _, m := range known.Moments {
		x.Moments = append(x.Moments, control.Happened{What: m.Kind, Prefix: m.Prefix, At: m.At, Until: m.Until, Why: m.Why})
	}
	for _, e := range known.Audit {
		x.Audit = append(x.Audit, auditOf(e))
	}
	return nil
}

// exportPast adds what the history has.
func (b *backend) exportPast(x *control.Export, of history.Filter) error {
	a, err := b.past.asked()
	if err != nil {
		return err
	}
	return a.List(of, control.MostHistory, func(e *history.Entry) error {
		x.History = append(x.History, *pastOf(e))
		return nil
	})
}

// alsoAt says where else an address may be.
func alsoAt(copies []string) []string {
	list := []string{
		"the log of pbxjail, such as the journal: journalctl -u pbxjail",
		"the logs of Asterisk",
		"feeds, the main file and the jail files",
		"backups",
	}
	for _, c := range copies {
		list = append(list, "an old damaged database: "+c)
	}
	return list
}
