package daemon

import (
	"net/netip"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/jails/rates"
	"pbxjail/parsers"
)

// Top returns the addresses, accounts, countries and jails with the most attempts now.
func (b *backend) Top(n int) control.Top {
	now := time.Now()
	tops := b.warden.Top(n, now)
	name := func(s string) string { return s }
	top := control.Top{
		At: now.UTC(), Jails: topRows(tops.Jails, name), Countries: topRows(tops.Countries, name),
		Accounts: topRows(tops.Accounts, parsers.Text.Quoted), Addresses: topRows(tops.Addresses, netip.Addr.String),
	}
	for i, row := range tops.Addresses {
		top.Addresses[i].Banned = b.warden.Holds(row.Key, now)
	}
	return top
}

func topRows[K any](rows []rates.Row[K], name func(K) string) []control.TopRow {
	list := make([]control.TopRow, len(rows))
	for i, r := range rows {
		list[i] = control.TopRow{
			Key: name(r.Key), LastMinute: r.LastMinute, LastTen: r.LastTen,
			Points: float64(r.Points) / float64(parsers.Point), Error: r.Error,
		}
	}
	return list
}
