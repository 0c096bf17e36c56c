package jails

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"net/netip"
	"slices"

	"pbxjail/jails/tally"
	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// The form in which counts are kept: keptMagic, the length of the head, the head as JSON, and
// then the tables, in numbers of variable length. A start waits for it, and JSON alone takes
// twenty times as long. Enumerations are words in the head, because the next run may be
// another version.

const keptMagic = "pbxjail counts 2\n"

type keptHead struct {
	Key   uint64     `json:"key"` // of the hashes of accounts
	Jails []string   `json:"jails"`
	Kinds []keptKind `json:"kinds"`
}

// keptKind is what many hits have in common.
type keptKind struct {
	Log      string `json:"log,omitempty"`
	Wire     bool   `json:"wire,omitempty"`
	Channel  string `json:"channel"`
	Service  string `json:"service"`
	Evidence string `json:"evidence"`
	Grade    string `json:"grade"`
	Once     bool   `json:"once,omitempty"`
	Again    bool   `json:"again,omitempty"`
}

// kindOf is the hit without its time, points and hashes.
func kindOf(h tally.Hit) tally.Hit {
	h.At, h.Points, h.Account, h.Member, h.Line = 0, 0, 0, 0, 0
	return h
}

type keptWriter struct {
	head  keptHead
	names map[uint16]string // of jails
	logs  map[uint16]string
	jails map[uint16]uint64 // their place in the head
	kinds map[tally.Hit]uint64
	body  []byte
}

func newKeptWriter(j *Judge) *keptWriter {
	w := &keptWriter{
		head:  keptHead{Key: j.hashKey},
		names: map[uint16]string{}, logs: map[uint16]string{},
		jails: map[uint16]uint64{}, kinds: map[tally.Hit]uint64{},
	}
	for name, m := range j.memories {
		w.names[m.id] = name
	}
	for file, s := range j.sources {
		w.logs[s.id] = file
	}
	return w
}

// table appends the tallies of a table, as many as there is room for.
func (w *keptWriter) table(table *tally.Table, room *int) {
	for t := range table.Each() {
		if *room -= len(t.Hits); *room < 0 {
			break
		}
		addr := t.Addr.AsSlice()
		w.body = append(append(w.body, byte(len(addr))), addr...)
		w.number(w.jail(t.Jail))
		warm := uint64(0)
		if t.Warm {
			warm = 1
		}
		w.number(warm)
		w.number(uint64(len(t.Hits)))
		for _, h := range t.Hits {
			w.body = binary.AppendVarint(w.body, h.At)
			w.number(uint64(h.Points))
			w.number(uint64(h.Account))
			w.number(uint64(h.Member))
			w.number(w.kind(kindOf(h)))
		}
	}
	w.body = append(w.body, 0) // no address has this length: the end of the table
}

func (w *keptWriter) number(n uint64) { w.body = binary.AppendUvarint(w.body, n) }

func (w *keptWriter) jail(id uint16) uint64 {
	place, ok := w.jails[id]
	if !ok {
		place = uint64(len(w.head.Jails))
		w.jails[id], w.head.Jails = place, append(w.head.Jails, w.names[id])
	}
	return place
}

func (w *keptWriter) kind(h tally.Hit) uint64 {
	place, ok := w.kinds[h]
	if !ok {
		place = uint64(len(w.head.Kinds))
		w.kinds[h] = place
		w.head.Kinds = append(w.head.Kinds, keptKind{
			Log: w.logs[h.Witness.Source], Wire: h.Witness.Source == wireID,
			Channel: h.Witness.Channel.String(), Service: h.Witness.Service.String(),
			Evidence: h.Evidence.String(), Grade: h.Grade.String(), Once: h.Once, Again: h.Again,
		})
	}
	return place
}

func (w *keptWriter) bytes() ([]byte, error) {
	head, err := json.Marshal(w.head)
	if err != nil {
		return nil, err
	}
	data := binary.AppendUvarint([]byte(keptMagic), uint64(len(head)))
	return slices.Concat(data, head, w.body), nil
}

type keptTally struct {
	tally.Kept
	jail *Jail
}

// keptReader reads the form. The zero value has read nothing.
type keptReader struct {
	head   keptHead
	tables [3][]keptTally // addresses, customers, networks
	jails  []*Jail        // by their place in the head; nil: this run has no such jail
	kinds  []tally.Hit
	known  []bool // whether this version knows the words of the kind
	rest   []byte
	broken bool
}

var (
	errKeptForm = errors.New("they are in the form of another version of pbxjail")
	errKeptCut  = errors.New("they are damaged")
)

// newKeptReader reads all of the data. A jail that is gone, and a hit that this version
// cannot read, count for nothing.
func newKeptReader(j *Judge, data []byte) (*keptReader, error) {
	rest, ok := bytes.CutPrefix(data, []byte(keptMagic))
	if !ok {
		return nil, errKeptForm
	}
	r := &keptReader{rest: rest}
	if err := json.Unmarshal(r.take(r.number()), &r.head); err != nil {
		return nil, err
	}
	for _, name := range r.head.Jails {
		r.jails = append(r.jails, j.jailNamed(name))
	}
	for _, k := range r.head.Kinds {
		h, known := j.kind(k)
		r.kinds, r.known = append(r.kinds, h), append(r.known, known)
	}
	for i := range r.tables {
		r.tables[i] = r.table()
	}
	if r.broken {
		return nil, errKeptCut
	}
	return r, nil
}

// jailNamed finds a jail of this run, or nil.
func (j *Judge) jailNamed(name string) *Jail {
	i := slices.IndexFunc(j.jails, func(jail *Jail) bool { return jail.Name == name })
	if i < 0 {
		return nil
	}
	return j.jails[i]
}

func (r *keptReader) table() (list []keptTally) {
	for size := r.number(); size != 0 && !r.broken; size = r.number() {
		addr, valid := netip.AddrFromSlice(r.take(size))
		place, warm, n := r.number(), r.number(), r.number()
		if !valid || place >= uint64(len(r.jails)) || n > uint64(len(r.rest)) {
			r.broken = true
			return nil
		}
		t := keptTally{tally.Kept{Addr: addr, Warm: warm == 1, Hits: make([]tally.Hit, 0, n)}, r.jails[place]}
		for range n {
			if h, ok := r.hit(); ok {
				t.Hits = append(t.Hits, h)
			}
		}
		if t.jail != nil {
			t.Jail = t.jail.memory.id
			list = append(list, t)
		}
	}
	return list
}

func (r *keptReader) hit() (tally.Hit, bool) {
	at, width := binary.Varint(r.rest)
	r.take(uint64(max(width, 0)))
	points, account, member, kind := r.number(), r.number(), r.number(), r.number()
	if r.broken || width <= 0 || kind >= uint64(len(r.kinds)) || points > math.MaxInt32 {
		r.broken = true
		return tally.Hit{}, false
	}
	h := r.kinds[kind]
	h.At, h.Points, h.Account, h.Member = at, parsers.Points(points), uint32(account), uint32(member)
	return h, r.known[kind] && points > 0
}

// number reads a number. After the end of the data it is 0, and broken is set.
func (r *keptReader) number() uint64 {
	n, width := binary.Uvarint(r.rest)
	if width <= 0 {
		r.broken, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[width:]
	return n
}

func (r *keptReader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.broken, r.rest = true, nil
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

// kind reads what hits have in common, and reports whether this version knows its words.
func (j *Judge) kind(k keptKind) (tally.Hit, bool) {
	channel, knowsChannel := named(k.Channel, parsers.ChannelWire)
	service, knowsService := named(k.Service, parsers.Provisioning)
	evidence, knowsEvidence := named(k.Evidence, parsers.Proven)
	grade, knowsGrade := named(k.Grade, witness.Absent)
	h := tally.Hit{Evidence: evidence, Once: k.Once, Again: k.Again, Grade: grade}
	h.Witness = witness.Witness{Channel: channel, Service: service}
	switch {
	case k.Wire:
		h.Witness.Source = wireID
	case k.Log != "":
		h.Witness.Source = j.Source(k.Log).id
	}
	return h, knowsChannel && knowsService && knowsEvidence && knowsGrade
}
