package jails

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"pbxjail/jails/tally"
	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// keptCounts is how counts that led to no ban yet are kept over a stop, so that an attacker
// gets no new attempts by it. Enumerations are kept by their words, because the next run
// may be another version.
type keptCounts struct {
	Key       uint64      `json:"key"` // of the hashes of accounts
	Addresses []keptTally `json:"addresses"`
	Customers []keptTally `json:"customers"`
	Networks  []keptTally `json:"networks"`
}

type keptTally struct {
	Addr netip.Addr `json:"addr"`
	Jail string     `json:"jail"`
	Warm bool       `json:"warm,omitempty"`
	Hits []keptHit  `json:"hits"`
}

type keptHit struct {
	At       int64          `json:"at"`
	Points   parsers.Points `json:"points"`
	Account  uint32         `json:"account,omitempty"`
	Member   uint32         `json:"member,omitempty"`
	Log      string         `json:"log,omitempty"`
	Wire     bool           `json:"wire,omitempty"`
	Channel  string         `json:"channel"`
	Service  string         `json:"service"`
	Evidence string         `json:"evidence"`
	Grade    string         `json:"grade"`
	Once     bool           `json:"once,omitempty"`
	Again    bool           `json:"again,omitempty"`
}

// maxKeptHits bounds what is kept: those of addresses that came lately are kept first. It
// takes some 20 MB on disk.
const maxKeptHits = 100_000

// Counts returns what was counted and led to no ban yet, for LoadCounts of the next run.
func (j *Judge) Counts() ([]byte, error) {
	room := maxKeptHits
	return json.Marshal(keptCounts{j.hashKey, j.keep(j.table, &room), j.keep(j.customers.Table, &room), j.keep(j.networks, &room)})
}

// keep lists the tallies of a table, as many as there is room for.
func (j *Judge) keep(table *tally.Table, room *int) (list []keptTally) {
	names := map[uint16]string{}
	for name, m := range j.memories {
		names[m.id] = name
	}
	logs := map[uint16]string{}
	for file, s := range j.sources {
		logs[s.id] = file
	}
	for t := range table.Each() {
		if *room -= len(t.Hits); *room < 0 {
			break
		}
		kept := keptTally{Addr: t.Addr, Jail: names[t.Jail], Warm: t.Warm}
		for _, h := range t.Hits {
			kept.Hits = append(kept.Hits, keptHit{
				At: h.At, Points: h.Points, Account: h.Account, Member: h.Member, Log: logs[h.Witness.Source], Wire: h.Witness.Source == wireID,
				Channel: h.Witness.Channel.String(), Service: h.Witness.Service.String(), Evidence: h.Evidence.String(), Grade: h.Grade.String(),
				Once: h.Once, Again: h.Again,
			})
		}
		list = append(list, kept)
	}
	return list
}

// LoadCounts takes up what the run before counted, as far as it still matters at now. It
// comes before the first event, because the hashes of accounts change: later, a log-in would
// not forgive the failures that were counted meanwhile. Then it refuses, and changes nothing.
func (j *Judge) LoadCounts(data []byte, now time.Time) error {
	if j.table.Size() > 0 {
		return errLate
	}
	var kept keptCounts
	if err := json.Unmarshal(data, &kept); err != nil {
		return fmt.Errorf("cannot read the points from before the restart: %w", err)
	}
	j.hashKey = kept.Key
	addressSpan := func(jail *Jail) tally.Span { return jail.span }
	j.load(j.table, kept.Addresses, addressSpan, now)
	j.load(j.customers.Table, kept.Customers, addressSpan, now)
	j.load(j.networks, kept.Networks, func(jail *Jail) tally.Span { return jail.wide }, now)
	return nil
}

var errLate = errors.New("the points from before the restart come too late: pbxjail has counted since then")

// load puts tallies into a table. A jail that is gone, and a hit that this version cannot
// read, count for nothing.
func (j *Judge) load(table *tally.Table, list []keptTally, span func(*Jail) tally.Span, now time.Time) {
	for _, kept := range slices.Backward(list) {
		i := slices.IndexFunc(j.jails, func(jail *Jail) bool { return jail.Name == kept.Jail })
		if i < 0 || !kept.Addr.IsValid() {
			continue
		}
		t := tally.Kept{Addr: kept.Addr, Jail: j.jails[i].memory.id, Warm: kept.Warm}
		for _, k := range kept.Hits {
			if h, ok := j.hit(k); ok && h.At <= now.UnixMilli() {
				t.Hits = append(t.Hits, h)
			}
		}
		slices.SortStableFunc(t.Hits, func(a, b tally.Hit) int { return cmp.Compare(a.At, b.At) })
		table.Load(t, span(j.jails[i]), now.UnixMilli())
	}
}

// hit reads a hit, and reports whether this version knows its words.
func (j *Judge) hit(k keptHit) (tally.Hit, bool) {
	channel, knowsChannel := named(k.Channel, parsers.ChannelWire)
	service, knowsService := named(k.Service, parsers.Provisioning)
	evidence, knowsEvidence := named(k.Evidence, parsers.Proven)
	grade, knowsGrade := named(k.Grade, witness.Absent)
	h := tally.Hit{At: k.At, Points: k.Points, Account: k.Account, Member: k.Member, Evidence: evidence, Once: k.Once, Again: k.Again, Grade: grade}
	h.Witness = witness.Witness{Channel: channel, Service: service}
	switch {
	case k.Wire:
		h.Witness.Source = wireID
	case k.Log != "":
		h.Witness.Source = j.Source(k.Log).id
	}
	return h, knowsChannel && knowsService && knowsEvidence && knowsGrade && k.Points > 0
}

// named finds the value of an enumeration by its word. last is its last value.
func named[E interface {
	~uint8
	String() string
}](text string, last E) (E, bool) {
	for e := range last + 1 {
		if e.String() == text {
			return e, true
		}
	}
	return 0, false
}
