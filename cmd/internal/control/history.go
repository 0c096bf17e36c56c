package control

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"pbxjail/configs/prefix"
)

// HistoryEntry is one ban or one alarm of the past.
type HistoryEntry struct {
	At       time.Time    `json:"at"`
	Until    *time.Time   `json:"until"`  // when the ban ends or ended; null: without end, or no ban
	What     string       `json:"what"`   // ban; observed: nothing was dropped; guessed: an alarm about a password; stolen: an account made calls like a thief; barred: its calls were barred
	Prefix   netip.Prefix `json:"prefix"` // "": it is about no address
	Short    bool         `json:"short"`  // the address was shortened to this network (keep_addresses)
	Jail     string       `json:"jail"`
	Country  string       `json:"country"` // ISO 3166 code; "": not known
	ASN      uint32       `json:"asn"`     // 0: not known
	Kind     string       `json:"kind"`    // of most attempts, such as bad-password; "": not known
	Service  string       `json:"service"`
	Evidence string       `json:"evidence"`
	Strike   int          `json:"strike"`
	Attempts int          `json:"attempts"` // records that counted
	Score    float64      `json:"score"`    // points; 0: not known
	By       string       `json:"by"`       // log, or who did it by hand
	Ended    string       `json:"ended"`    // who or what ended it early; ""
	Accounts []string     `json:"accounts"` // that were tried; quoted
	Numbers  []string     `json:"numbers"`  // that were dialled; quoted
}

// HistorySum is how many entries have something in common.
type HistorySum struct {
	Key      string     `json:"key"`          // a jail, country, network, account (quoted); "": not known
	At       *time.Time `json:"at,omitempty"` // the beginning of an hour or a day
	Entries  int64      `json:"entries"`
	Attempts int64      `json:"attempts"`
}

// HistoryBys are what entries can be summed up by. Days are made of hours: see Days.
var HistoryBys = []string{"hour", "jail", "country", "kind", "net", "asn", "account", "addr"}

// HistoryRequest selects entries; all that is set applies.
type HistoryRequest struct {
	From, To time.Time // zero: without end
	Jail     string
	Country  string
	Kind     string       // a kind of attempt, or a word of What
	Prefix   netip.Prefix // an address: it, and networks that have it; a network: what is in it
	ASN      uint32
	Account  string // byte for byte
	By       string // for sums
	N        int    // at most, 1 to MostHistory; 0: 50
}

// MostHistory is how many rows one answer can have.
const MostHistory = 100_000

const historyShown = 50

func (q *HistoryRequest) values() url.Values {
	v := url.Values{}
	put := func(key, text string) {
		if text != "" {
			v.Set(key, text)
		}
	}
	for key, at := range map[string]time.Time{"from": q.From, "to": q.To} {
		if !at.IsZero() {
			v.Set(key, at.UTC().Format(time.RFC3339Nano))
		}
	}
	put("jail", q.Jail)
	put("country", q.Country)
	put("kind", q.Kind)
	put("account", q.Account)
	put("by", q.By)
	if q.Prefix.IsValid() {
		v.Set("prefix", q.Prefix.String())
	}
	if q.ASN > 0 {
		v.Set("asn", strconv.FormatUint(uint64(q.ASN), 10))
	}
	if q.N > 0 {
		v.Set("n", strconv.Itoa(q.N))
	}
	return v
}

func (q *HistoryRequest) read(v url.Values) (err error) {
	*q = HistoryRequest{Jail: v.Get("jail"), Country: strings.ToUpper(v.Get("country")), Kind: v.Get("kind"), Account: v.Get("account"), By: v.Get("by"), N: historyShown}
	bad := func(key string) error {
		return Refuse(http.StatusBadRequest, sameRelease, "%s %q is not valid", key, v.Get(key))
	}
	for key, at := range map[string]*time.Time{"from": &q.From, "to": &q.To} {
		if v.Has(key) {
			if *at, err = time.Parse(time.RFC3339Nano, v.Get(key)); err != nil {
				return bad(key)
			}
		}
	}
	if v.Has("prefix") {
		if q.Prefix, err = netip.ParsePrefix(v.Get("prefix")); err != nil {
			return bad("prefix")
		}
		q.Prefix = prefix.Unmap(q.Prefix)
	}
	if v.Has("asn") {
		n, err := strconv.ParseUint(v.Get("asn"), 10, 32)
		if err != nil || n == 0 {
			return bad("asn")
		}
		q.ASN = uint32(n)
	}
	if v.Has("n") {
		if q.N, err = strconv.Atoi(v.Get("n")); err != nil || q.N < 1 || q.N > MostHistory {
			return bad("n")
		}
	}
	if q.By != "" && !slices.Contains(HistoryBys, q.By) {
		return bad("by")
	}
	return nil
}

// EachPast calls each with entries, the newest first.
func (c *Client) EachPast(ctx context.Context, q HistoryRequest, each func(*HistoryEntry) error) error {
	return AskEach(ctx, c, CallHistory, q, each)
}

// Sums returns the sums of entries by q.By: hours in their order, others the largest first.
func (c *Client) Sums(ctx context.Context, q HistoryRequest) ([]HistorySum, error) {
	return Ask(ctx, c, CallHistorySums, q)
}

// Days makes days in a time zone of the sums of hours, in their order. Days and hours between
// them that have no entry are added, with 0.
func Days(hours []HistorySum, zone *time.Location) (days []HistorySum) {
	for _, h := range hours {
		y, m, d := h.At.In(zone).Date()
		day := time.Date(y, m, d, 0, 0, 0, 0, zone)
		for n := len(days); n > 0 && len(days) < MostHistory; n = len(days) {
			next := days[n-1].At.AddDate(0, 0, 1)
			if !next.Before(day) {
				break
			}
			days = append(days, HistorySum{At: &next})
		}
		if n := len(days); n == 0 || !days[n-1].At.Equal(day) {
			days = append(days, HistorySum{At: &day})
		}
		last := &days[len(days)-1]
		last.Entries, last.Attempts = last.Entries+h.Entries, last.Attempts+h.Attempts
	}
	return days
}

// WholeHours adds the hours between the first and the last that have no entry, with 0.
func WholeHours(hours []HistorySum) (whole []HistorySum) {
	for _, h := range hours {
		for n := len(whole); n > 0 && len(whole) < MostHistory; n = len(whole) {
			next := whole[n-1].At.Add(time.Hour)
			if !next.Before(*h.At) {
				break
			}
			whole = append(whole, HistorySum{At: &next})
		}
		whole = append(whole, h)
	}
	return whole
}
