package daemon

import (
	"cmp"
	"net/netip"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/explain"
	"pbxjail/configs/hint"
	"pbxjail/configs/ports"
	"pbxjail/configs/show"
	"pbxjail/jails"
	"pbxjail/jails/book"
)

// historyShown is how many past bans why shows.
const historyShown = 20

// Why returns all that is known of an address.
func (b *backend) Why(addr netip.Addr) control.Why {
	now := time.Now()
	account := b.warden.Why(addr, now)
	why := control.Why{
		Addr: addr, Protected: account.Protected, LoggedIn: account.LoggedIn, Alarms: alarmsOf(account.Guessed), Consulted: account.Consulted,
		Place: explain.Place(account.Place), Feeds: account.Feeds, Strikes: account.Strike.Count, LastBan: control.Moment(account.Strike.Last),
	}
	if b.drops() {
		why.DroppedBy = b.feeds.Dropping(addr)
	}
	if account.Banned != nil {
		why.Banned = new(b.ban(*account.Banned, now))
		b.countDropped(why.Banned)
	}
	if s := account.Spared; s != nil {
		why.Spared = &control.Spared{At: s.At, Jail: s.Ban.Jail, Reason: s.Ban.Reason, Why: s.Why, Sum: explain.Sum(s.Ban.Sum), Lines: explain.Lines(s.Ban.Jail, s.Ban.Lines)}
	}
	for _, s := range account.Jails {
		jail := control.WhyJail{
			Name: s.Jail.Name, Score: explain.Score(s.Sum.Score), Maxretry: explain.Score(s.Sum.Maxretry), Findtime: explain.Seconds(s.Jail.Findtime),
			Sum: *explain.Sum(&s.Sum), NextBan: explain.Seconds(s.Next), Window: explain.Lines(s.Jail.Name, s.Lines),
		}
		if s.Slow.Maxretry > 0 {
			jail.Slow = explain.Sum(&s.Slow)
		}
		if s.Customer.Members > 0 {
			jail.Customer = explain.Sum(&s.Customer)
		}
		why.Jails = append(why.Jails, jail)
	}
	history, err := b.store.History(netip.PrefixFrom(addr, addr.BitLen()), historyShown)
	if err != nil {
		b.log.Error("earlier bans cannot be read from the database", "err", err, "hint", todo(err, moreHint))
	}
	for _, h := range history {
		why.History = append(why.History, b.ban(h, now))
		if b := account.Banned; b != nil && h.Prefix == b.Prefix && h.Jail == b.Jail && h.Since.Equal(b.Since) {
			why.Lines, why.Sum = explain.Lines(h.Jail, h.Lines), explain.Sum(h.Sum)
		}
	}
	why.Ends = ends(account, now)
	return why
}

// countHint is what to do where the firewall does not say what it dropped.
const countHint = "run the command again; if the same error comes again: jailctl doctor"

func (b *backend) countDropped(ban *control.Ban) {
	err := b.enforcer.Each(func(h ports.Held) {
		if h.Prefix == ban.Prefix {
			ban.Packets, ban.Bytes = ban.Packets+h.Packets, ban.Bytes+h.Bytes
		}
	})
	if err != nil {
		b.log.Error("cannot read from the firewall how many packets were dropped, so jailctl shows too few packets. Bans are not affected", "err", err, "hint", cmp.Or(hint.Of(err), countHint))
	}
}

// ends says what would end a ban, or begin one.
func ends(a jails.Account, now time.Time) string {
	if b := a.Banned; b != nil {
		by := "with: jailctl unban " + b.Prefix.String()
		if left, _ := b.Left(now); left != book.Forever {
			return "in " + show.Duration(left.Round(time.Second)) + ", or " + by
		}
		return by
	}
	if a.Protected != "" {
		return ""
	}
	for _, s := range a.Jails {
		if missing := s.Sum.Maxretry - s.Sum.Score; missing > 0 {
			return missing.String() + " more points in jail " + s.Jail.Name + " within " + show.Duration(s.Sum.Within) + " would ban this address for " + show.Duration(s.Next)
		}
	}
	return ""
}
