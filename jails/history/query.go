package history

import (
	"database/sql"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"pbxjail/configs/prefix"
)

// Filter selects entries. The zero value selects all; all that is set applies.
type Filter struct {
	From, To time.Time    // zero: without end; entries at To are not selected
	Jail     string       // "": any
	Country  string       // ISO 3166 code
	Kind     string       // one of Whats, or what was tried, such as "bad-password"
	Net      netip.Prefix // of one address: it, and each network that has it; of a network: what is in it
	ASN      uint32       // 0: any
	Account  string       // that was tried, byte for byte
}

// where is a condition in SQL.
type where struct {
	text []string
	args []any
	none bool // nothing fits: a word of the filter is in no entry
}

func (w *where) add(text string, args ...any) {
	w.text, w.args = append(w.text, text), append(w.args, args...)
}

func (w *where) String() string {
	if len(w.text) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.text, " AND ")
}

// words adds what hours and entries both have. time is their column, per is what one of it is.
func (a *Archive) words(f *Filter, w *where, time string, per int64) {
	if !f.From.IsZero() {
		w.add(time+" >= ?", f.From.UnixNano()/per)
	}
	if !f.To.IsZero() {
		w.add(time+" < ?", (f.To.UnixNano()+per-1)/per)
	}
	column := "kind"
	if slices.Contains(Whats, f.Kind) {
		column = "what"
	}
	for name, word := range map[string]string{"jail": f.Jail, "country": strings.ToUpper(f.Country), column: f.Kind} {
		if word == "" {
			continue
		}
		id, ok := a.known.find(word)
		if w.none = w.none || !ok; ok {
			w.add(name+" = ?", id)
		}
	}
}

// entries is the condition for entries.
func (a *Archive) entries(f *Filter) *where {
	w := new(where)
	switch p := prefix.Unmap(f.Net); {
	case !f.Net.IsValid():
	case p.IsSingleIP():
		places := make([]string, 0, p.Bits()+1)
		for bits := p.Bits(); bits >= 0; bits-- {
			wider, _ := p.Addr().Prefix(bits)
			places = append(places, "(?, ?)")
			w.args = append(w.args, wider.Addr().AsSlice(), bits)
		}
		w.text = append(w.text, "(addr, bits) IN (VALUES "+strings.Join(places, ", ")+")")
	default:
		first, end := p.Addr().AsSlice(), last(p).AsSlice()
		w.add("addr BETWEEN ? AND ? AND length(addr) = ? AND bits >= ?", first, end, len(first), p.Bits())
	}
	a.words(f, w, "at", 1)
	if f.ASN != 0 {
		w.add("asn = ?", f.ASN)
	}
	if f.Account != "" {
		w.add("id IN (SELECT entry FROM tried WHERE number = 0 AND name = ?)", []byte(f.Account))
	}
	return w
}

// counted reports whether hours can answer: they know no address and no account.
func (f *Filter) counted() bool { return !f.Net.IsValid() && f.ASN == 0 && f.Account == "" }

const entryColumns = `id, at, until, addr, bits, short, what, jail, country, asn, kind, service, evidence, strike, attempts, score, who, ended`

// List calls each with entries, newest first, at most limit.
func (a *Archive) List(f Filter, limit int, each func(*Entry) error) error {
	w := a.entries(&f)
	if w.none {
		return nil
	}
	order := " ORDER BY at DESC, id DESC LIMIT ?"
	if f.counted() && (f.Jail != "" || f.Country != "" || f.Kind != "") {
		found, err := a.busiest(&f, limit)
		if err != nil || found == 0 {
			return err
		}
		w.add("at >= ?", found)
	}
	var list []*Entry
	var numbers []int64
	err := a.ask(func(row *sql.Rows) error {
		e, id, err := a.scan(row)
		list, numbers = append(list, e), append(numbers, id)
		return err
	}, "SELECT "+entryColumns+" FROM entries"+w.String()+order, append(w.args, limit)...)
	if err != nil {
		return err
	}
	for i, e := range list {
		if err := a.tried(e, numbers[i]); err != nil {
			return err
		}
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}

// busiest looks into the sums: it returns since when there are as many entries as limit,
// so that no more of the file is read; 0: there is none.
func (a *Archive) busiest(f *Filter, limit int) (from int64, err error) {
	w := new(where)
	a.words(f, w, "hour", hour)
	missing := int64(limit)
	err = a.ask(func(row *sql.Rows) error {
		var at, n int64
		if err := row.Scan(&at, &n); err != nil {
			return err
		}
		if missing > 0 {
			from = at * hour
		}
		missing -= n
		return nil
	}, "SELECT hour, sum(entries) FROM hours"+w.String()+" GROUP BY hour ORDER BY hour DESC", w.args...)
	if missing > 0 && from != 0 { // sums stay when entries go: there may be more before
		from = 1
	}
	return from, err
}

func (a *Archive) scan(row *sql.Rows) (*Entry, int64, error) {
	var e Entry
	var id, at, until int64
	var addr []byte
	var bits int
	var n ids
	if err := row.Scan(&id, &at, &until, &addr, &bits, &e.Short, &n.what, &n.jail, &n.country, &e.ASN, &n.kind, &n.service, &n.evidence,
		&e.Strike, &e.Attempts, &e.Score, &n.who, &n.ended); err != nil {
		return nil, 0, err
	}
	ip, ok := netip.AddrFromSlice(addr)
	if !ok {
		return nil, 0, fmt.Errorf("entry %d has no address", id)
	}
	if e.Since = time.Unix(0, at).UTC(); ip != nowhere.Addr() || bits == 0 {
		e.Prefix = netip.PrefixFrom(ip, bits)
	} else {
		e.Short = false
	}
	if until != forever {
		e.Until = time.Unix(0, until).UTC()
	}
	for id, word := range map[*int64]*string{&n.what: &e.What, &n.jail: &e.Jail, &n.country: &e.Country, &n.kind: &e.Kind, &n.service: &e.Service,
		&n.evidence: &e.Evidence, &n.who: &e.By, &n.ended: &e.Ended} {
		*word = a.known.word(*id)
	}
	return &e, id, nil
}

// tried reads the accounts and numbers of an entry.
func (a *Archive) tried(e *Entry, id int64) error {
	return a.ask(func(row *sql.Rows) error {
		var number bool
		var name []byte
		if err := row.Scan(&number, &name); err != nil {
			return err
		}
		if number {
			e.Numbers = append(e.Numbers, string(name))
		} else {
			e.Accounts = append(e.Accounts, string(name))
		}
		return nil
	}, "SELECT number, name FROM tried WHERE entry = ?", id)
}
