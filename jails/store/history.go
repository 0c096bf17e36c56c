package store

import (
	"database/sql"
	"encoding/json"
	"net/netip"
	"strings"
	"time"

	"pbxjail/configs/ports"
	"pbxjail/jails/book"
	"pbxjail/parsers"
)

const banColumns = `id, prefix, jail, since, until, strike, evidence, who, reason, coalesce(most, 0), coalesce(ports, ''), observed`

// Bans returns the bans that are not over at now and not lifted, in the order
// they were recorded. They come without their Lines, so that a hundred thousand
// of them load fast and small; History has the lines.
func (s *Store) Bans(now time.Time) (bans []book.Ban, err error) {
	err = s.Read(now, func(part []book.Ban) { bans = append(bans, part...) })
	return bans, err
}

// readPart is how many bans Read gives at a time.
const readPart = 1000

// Read calls part with the bans that are not over at now, and not lifted, oldest first,
// some at a time. The slices are part's to keep. part must not call the store.
func (s *Store) Read(now time.Time, part func([]book.Ban)) error {
	bans, next := make([]book.Ban, 0, readPart), newBanRow(make(names))
	err := s.query("read bans of", func(row *sql.Rows) error {
		ban, err := next.read(row)
		if err != nil {
			return err
		}
		if bans = append(bans, ban); len(bans) == readPart {
			part(bans)
			bans = make([]book.Ban, 0, readPart)
		}
		return nil
	}, `SELECT `+banColumns+` FROM bans NOT INDEXED WHERE until > ? AND ended_by IS NULL ORDER BY id`, nanos(now))
	if err == nil && len(bans) > 0 {
		part(bans)
	}
	return err
}

// History returns the bans of p and of every prefix that contains it, running
// and over, with their Lines, newest first, at most limit. Until of a ban that
// was cut short is when that happened.
func (s *Store) History(p netip.Prefix, limit int) ([]book.Ban, error) {
	if _, err := canonical(p); err != nil {
		return nil, s.explain("read history of", err)
	}
	var args []any
	for bits := p.Bits(); bits >= 0; bits-- {
		wider, _ := canonical(netip.PrefixFrom(p.Addr(), bits))
		args = append(args, wider)
	}
	places := strings.Repeat(", ?", len(args))[2:]
	var bans []book.Ban
	var ids []int64
	var sum sql.NullString
	next := newBanRow(nil, &sum)
	err := s.query("read history of", func(row *sql.Rows) error {
		ban, err := next.read(row)
		if err == nil {
			ban.Sum, err = sumOf(sum)
		}
		if err == nil {
			bans, ids = append(bans, ban), append(ids, next.id)
		}
		return err
	}, `SELECT `+banColumns+`, sum FROM bans WHERE prefix IN (`+places+`) ORDER BY id DESC LIMIT ?`, append(args, limit)...)
	for i := 0; i < len(bans) && err == nil; i++ {
		bans[i].Lines, err = s.lines(ids[i])
	}
	return bans, err
}

// Strikes returns the prefixes whose last ban ended since a time and is over at now, newest
// first, at most limit. A running ban has its own strike number. Count is the strike of
// that ban, so forgiven bans before it stay forgiven. A prefix whose last ban was lifted is
// not in it.
func (s *Store) Strikes(since, now time.Time, limit int) ([]book.Strike, error) {
	var strikes []book.Strike
	// The other columns come from the row that has the max: sqlite.org/lang_select.html 2.5.
	err := s.query("read strikes of", func(row *sql.Rows) error {
		var prefix string
		var count int
		var last int64
		if err := row.Scan(&prefix, &count, &last); err != nil {
			return err
		}
		p, err := netip.ParsePrefix(prefix)
		if err == nil {
			strikes = append(strikes, book.Strike{Prefix: p, Count: count, Last: timeOf(last)})
		}
		return err
	}, `SELECT prefix, strike, last FROM
		(SELECT prefix, strike, ended_by, until AS last, max(id) FROM bans WHERE strike > 0 AND NOT observed GROUP BY prefix)
		WHERE ended_by IS NULL AND last BETWEEN ? AND ? ORDER BY last DESC LIMIT ?`, nanos(since), nanos(now), limit)
	return strikes, err
}

// banRow reads rows of banColumns. It is used for all of them: a start reads a hundred
// thousand, and what each would allocate was half of the time.
type banRow struct {
	names                                      names
	id, since, until, most                     int64
	strike                                     int
	observed                                   bool
	prefix, jail, evidence, who, reason, ports sql.RawBytes
	columns                                    []any
}

// newBanRow is for rows with more columns behind banColumns.
func newBanRow(names names, more ...any) *banRow {
	r := &banRow{names: names}
	r.columns = append([]any{&r.id, &r.prefix, &r.jail, &r.since, &r.until, &r.strike, &r.evidence, &r.who, &r.reason, &r.most, &r.ports, &r.observed}, more...)
	return r
}

func (r *banRow) read(row *sql.Rows) (ban book.Ban, err error) {
	if err := row.Scan(r.columns...); err != nil {
		return ban, err
	}
	ban.Since, ban.Until, ban.Strike, ban.Evidence = timeOf(r.since), untilOf(r.until), r.strike, evidenceOf(string(r.evidence))
	ban.Most, ban.Observed = time.Duration(r.most), r.observed
	ban.Jail, ban.By, ban.Reason = r.names.one(r.jail), r.names.one(r.who), r.names.one(r.reason)
	ban.Ports = portsOf(r.names.one(r.ports))
	ban.Prefix, err = netip.ParsePrefix(string(r.prefix))
	return ban, err
}

// sumOf reads how the points of a ban add up; nil: it is not kept.
func sumOf(text sql.NullString) (*book.Reckoning, error) {
	if !text.Valid {
		return nil, nil
	}
	sum := new(book.Reckoning)
	return sum, json.Unmarshal([]byte(text.String), sum)
}

func (s *Store) lines(ban int64) ([]book.Line, error) {
	var b book.Ban
	err := s.addLines([]*book.Ban{&b}, []int64{ban})
	return b.Lines, err
}

// addLines gives bans their lines, in one question. ids are the numbers of these bans.
func (s *Store) addLines(bans []*book.Ban, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	of := make(map[int64]*book.Ban, len(ids))
	args := make([]any, len(ids))
	for i, id := range ids {
		of[id], args[i] = bans[i], id
	}
	return s.query("read records of", func(row *sql.Rows) error {
		var line book.Line
		var ban, at int64
		var text []byte
		var factors sql.NullString
		var evidence, kind, service string
		var account, number []byte
		err := row.Scan(&ban, &at, &line.Rule, &line.Points, &line.File, &text, &line.Base, &line.Counts, &factors, &evidence, &line.Witness, &line.Packets,
			&kind, &service, &account, &number)
		if err == nil && factors.Valid {
			err = json.Unmarshal([]byte(factors.String), &line.Factors)
		}
		if err != nil {
			return err
		}
		line.Time, line.Text, line.Evidence = timeOf(at), parsers.TextOf(text), evidenceOf(evidence)
		line.Kind, _ = parsers.ParseKind(kind)
		line.Service, _ = parsers.ParseService(service)
		line.Account, line.Number = parsers.TextOf(account), parsers.TextOf(number)
		of[ban].Lines = append(of[ban].Lines, line)
		return nil
	}, `SELECT ban, time, rule, points, file, text, coalesce(base, points), coalesce(counts, points), factors, coalesce(evidence, ''), coalesce(witness, ''), coalesce(packets, ''),
		coalesce(kind, ''), coalesce(service, ''), account, number FROM lines WHERE ban IN (?`+strings.Repeat(", ?", len(ids)-1)+`) ORDER BY ban, n`, args...)
}

// Ports are the sets of ports that running bans close, each once, and perhaps some of bans
// that were ended early.
func (s *Store) Ports(now time.Time) (list []ports.Set, err error) {
	err = s.query("read the ports of", func(row *sql.Rows) error {
		var text string
		if err := row.Scan(&text); err != nil {
			return err
		}
		list = append(list, portsOf(text))
		return nil
	}, `SELECT ports FROM closed WHERE until > ?`, nanos(now))
	return list, err
}
