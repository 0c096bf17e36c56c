package daemon

import (
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/show"
	"pbxjail/jails/history"
)

func filterOf(q control.HistoryRequest) history.Filter {
	return history.Filter{From: q.From, To: q.To, Jail: q.Jail, Country: q.Country, Kind: q.Kind, Net: q.Prefix, ASN: q.ASN, Account: q.Account}
}

// eachPast sends entries of the history, the newest first.
func (b *backend) eachPast(q control.HistoryRequest, send func(*control.HistoryEntry) error) error {
	a, err := b.past.asked()
	if err != nil {
		return err
	}
	return a.List(filterOf(q), q.N, func(e *history.Entry) error { return send(pastOf(e)) })
}

// pastOf is an entry in the API's words.
func pastOf(e *history.Entry) *control.HistoryEntry {
	c := &control.HistoryEntry{
		At: e.Since, Until: control.Moment(e.Until), What: e.What, Prefix: e.Prefix, Short: e.Short, Jail: e.Jail, Country: e.Country, ASN: e.ASN,
		Kind: e.Kind, Service: e.Service, Evidence: e.Evidence, Strike: e.Strike, Attempts: e.Attempts, Score: float64(e.Score) / 1000,
		By: e.By, Ended: e.Ended, Accounts: escaped(e.Accounts), Numbers: escaped(e.Numbers),
	}
	if e.What == history.Guessed || e.What == history.Stolen || e.What == history.Barred {
		c.Until = nil
	}
	return c
}

// escaped are names of strangers, as JSON has them.
func escaped(names []string) []string {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = show.Escaped(n)
	}
	return list
}

// pastSums sums the history up.
func (b *backend) pastSums(q control.HistoryRequest, _ string) (list []control.HistorySum, err error) {
	a, err := b.past.asked()
	if err != nil {
		return nil, err
	}
	if q.By == "" {
		q.By = history.ByHour
	}
	err = a.Sums(filterOf(q), q.By, q.N, func(s history.Sum) error {
		sum := control.HistorySum{Key: s.Key, Entries: s.Entries, Attempts: s.Attempts}
		switch q.By {
		case history.ByHour:
			sum.At = new(time.Time)
			*sum.At = s.Hour
		case history.ByAccount:
			sum.Key = show.Escaped(s.Key)
		}
		list = append(list, sum)
		return nil
	})
	return list, err
}
