package history

import (
	"database/sql"
	"fmt"
	"net/netip"
	"time"
)

// What entries can be summed up by.
const (
	ByHour    = "hour"
	ByJail    = "jail"
	ByCountry = "country"
	ByKind    = "kind"
	ByNet     = "net" // the /24 or /48 of the address
	ByASN     = "asn"
	ByAccount = "account"
	ByAddr    = "addr" // of a network its first address
)

// Sum is how many entries have something in common.
type Sum struct {
	Key      string    // a word, a network, an account; "" for an hour, or where it is not known
	Hour     time.Time // the beginning of it, for ByHour
	Entries  int64
	Attempts int64 // records that counted in them
}

// Sums calls each with sums of the entries that a filter selects, the largest first, at most
// limit; hours in their order, all of them. Without address, network and account they come
// from sums per hour: From and To then are whole hours, and entries that are gone still count.
func (a *Archive) Sums(f Filter, by string, limit int, each func(Sum) error) error {
	key := map[string]string{ByHour: "hour", ByJail: "jail", ByCountry: "country", ByKind: "kind"}[by]
	if key != "" && f.counted() {
		w := new(where)
		a.words(&f, w, "hour", hour)
		return a.sums(w, by, limit, each, "SELECT "+key+", sum(entries), sum(attempts) FROM hours"+w.String())
	}
	if (by == ByNet || by == ByAddr) && f == (Filter{}) {
		return a.networks(by, limit, each)
	}
	w := a.entries(&f)
	switch by {
	case ByHour:
		key = fmt.Sprintf("at / %d", hour)
	case ByASN:
		key = "asn"
	case ByAddr:
		key = "addr"
	case ByNet:
		key = networkKey
	case ByAccount:
		return a.accounts(&f, w, limit, each)
	}
	return a.sums(w, by, limit, each, "SELECT "+key+", count(*), sum(attempts) FROM entries"+w.String())
}

// networkKey are the first bytes of an address, which make its /24 or /48.
const networkKey = "iif(length(addr) = 4, substr(addr, 1, 3), substr(addr, 1, 6))"

// networks sums all entries up by network or address. The index alone has the answer, and
// counts each address in its order; it does not know the attempts.
func (a *Archive) networks(by string, limit int, each func(Sum) error) error {
	key := networkKey
	if by == ByAddr {
		key = "addr"
	}
	return a.sums(new(where), by, limit, each, "SELECT "+key+", sum(n), 0 FROM (SELECT addr, count(*) AS n FROM entries INDEXED BY entries_addr GROUP BY addr)")
}

// accounts sums up by account. Where nothing but a time is asked for, the index alone has
// the answer.
func (a *Archive) accounts(f *Filter, w *where, limit int, each func(Sum) error) error {
	if f.counted() && f.Jail == "" && f.Country == "" && f.Kind == "" && f.To.IsZero() {
		w, table := new(where), "tried"
		w.add("number = 0")
		if !f.From.IsZero() { // numbers of entries grow with their time: the end of the table has the answer
			table += " NOT INDEXED"
			w.add("entry >= coalesce((SELECT min(id) FROM entries WHERE at >= ?), 0)", f.From.UnixNano())
		}
		return a.sums(w, ByAccount, limit, each, "SELECT name, count(*), 0 FROM "+table+w.String())
	}
	return a.sums(w, ByAccount, limit, each, "SELECT name, count(*), sum(attempts) FROM (SELECT id, attempts FROM entries"+w.String()+
		") JOIN tried ON entry = id AND number = 0")
}

func (a *Archive) sums(w *where, by string, limit int, each func(Sum) error, text string) error {
	if w.none {
		return nil
	}
	text += " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?"
	if by == ByHour {
		text, limit = text[:len(text)-len(" ORDER BY 2 DESC, 1 LIMIT ?")]+" ORDER BY 1 LIMIT ?", -1
	}
	return a.ask(func(row *sql.Rows) error {
		var s Sum
		var number int64
		var key []byte
		to := any(&number)
		if by == ByNet || by == ByAddr || by == ByAccount {
			to = &key
		}
		if err := row.Scan(to, &s.Entries, &s.Attempts); err != nil {
			return err
		}
		switch by {
		case ByHour:
			s.Hour = time.Unix(0, number*hour).UTC()
		case ByASN:
			if number != 0 {
				s.Key = fmt.Sprintf("AS%d", number)
			}
		case ByNet:
			s.Key = networkOf(key)
		case ByAddr:
			if addr, ok := netip.AddrFromSlice(key); ok && addr != nowhere.Addr() {
				s.Key = addr.String()
			}
		case ByAccount:
			s.Key = string(key)
		default:
			s.Key = a.known.word(number)
		}
		return each(s)
	}, text, append(w.args, limit)...)
}

// networkOf is a /24 or a /48 by its first bytes.
func networkOf(key []byte) string {
	if len(key) == short4/8 {
		if key[0] == 0 { // nowhere
			return ""
		}
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{key[0], key[1], key[2]}), short4).String()
	}
	var b [16]byte
	copy(b[:], key)
	return netip.PrefixFrom(netip.AddrFrom16(b), short6).String()
}
