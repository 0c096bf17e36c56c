package geoip

import (
	"cmp"
	"errors"
	"net/netip"
	"strings"
	"sync"

	"github.com/oschwald/geoip2-golang/v2"
	"github.com/oschwald/maxminddb-golang/v2"
	"github.com/oschwald/maxminddb-golang/v2/mmdbdata"
)

// record is what one file says of a network. The zero value says nothing.
type record struct {
	country string
	asn     uint32
	org     string
}

// ask finds the record of an address, and the network that it holds for. What a
// file cannot answer is nothing: the file was verified when it was opened.
type ask func(a netip.Addr) (record, netip.Prefix)

// asks finds the way to ask a file: by geoip2 where it knows the type, else as one
// of the flat ones of ip-location-db, whose type says nothing that could be relied on.
func asks(db *maxminddb.Reader, data []byte) (ask, error) {
	r, err := geoip2.OpenBytes(data)
	if _, unknown := errors.AsType[geoip2.UnknownDatabaseTypeError](err); unknown {
		return askFlat(db), nil
	}
	if err != nil {
		return nil, err
	}
	// geoip2 tells which of its methods a type has by refusing the others.
	for _, try := range []ask{askEnterprise(r), askCountry(r), askASN(r)} {
		if try != nil {
			return try, nil
		}
	}
	return nil, errSilent
}

// probe is any address at all.
var probe = netip.IPv4Unspecified()

func refuses(err error) bool {
	_, refused := errors.AsType[geoip2.InvalidMethodError](err)
	return refused
}

func askEnterprise(r *geoip2.Reader) ask {
	if _, err := r.Enterprise(probe); refuses(err) {
		return nil
	}
	return func(a netip.Addr) (record, netip.Prefix) {
		e, err := r.Enterprise(a)
		if err != nil {
			return record{}, netip.Prefix{}
		}
		return record{
			country: iso(cmp.Or(e.Country.ISOCode, e.RegisteredCountry.ISOCode)),
			asn:     uint32(e.Traits.AutonomousSystemNumber), org: e.Traits.AutonomousSystemOrganization,
		}, e.Traits.Network
	}
}

// askCountry serves files of cities too. Where it is not known in which country a
// network is, the one it is registered in is the best guess.
func askCountry(r *geoip2.Reader) ask {
	if _, err := r.Country(probe); refuses(err) {
		return nil
	}
	return func(a netip.Addr) (record, netip.Prefix) {
		c, err := r.Country(a)
		if err != nil {
			return record{}, netip.Prefix{}
		}
		return record{country: iso(cmp.Or(c.Country.ISOCode, c.RegisteredCountry.ISOCode))}, c.Traits.Network
	}
}

func askASN(r *geoip2.Reader) ask {
	if _, err := r.ASN(probe); refuses(err) {
		return nil
	}
	return func(a netip.Addr) (record, netip.Prefix) {
		n, err := r.ASN(a)
		if err != nil {
			return record{}, netip.Prefix{}
		}
		return record{asn: uint32(n.AutonomousSystemNumber), org: n.AutonomousSystemOrganization}, n.Network
	}
}

// askFlat keeps its records in a pool: the library would have each on the heap.
func askFlat(db *maxminddb.Reader) ask {
	pool := sync.Pool{New: func() any { return new(record) }}
	return func(a netip.Addr) (record, netip.Prefix) {
		found := db.Lookup(a)
		if !found.Found() {
			return record{}, netip.Prefix{}
		}
		r := pool.Get().(*record)
		defer pool.Put(r)
		*r = record{}
		if err := found.Decode(r); err != nil {
			return record{}, netip.Prefix{}
		}
		return *r, found.Prefix()
	}
}

// UnmarshalMaxMindDBCursor reads the flat keys, and country.iso_code as everybody
// else has it. Keys that are not ours are passed over, and so are values of another
// kind than ours: other makers use the same words for other things.
func (r *record) UnmarshalMaxMindDBCursor(at mmdbdata.Cursor) (mmdbdata.Cursor, error) {
	entries, err := at.MapReader()
	if err != nil {
		return mmdbdata.Cursor{}, mmdbdata.NormalizeUnmarshalError[record](err)
	}
	next := entries.First()
	for range entries.Len() {
		var key []byte
		if key, next, err = next.ReadMapKey(); err != nil {
			return mmdbdata.Cursor{}, err
		}
		if next, err = r.value(string(key), next); err != nil {
			return mmdbdata.Cursor{}, err
		}
	}
	return entries.End(next)
}

// maxOrg is how long the name of an organisation may be: as in geoip2.
const maxOrg = 4096

func (r *record) value(key string, at mmdbdata.Cursor) (next mmdbdata.Cursor, err error) {
	kind, err := at.Kind()
	if err != nil {
		return next, err
	}
	switch {
	case key == "country_code" && kind == mmdbdata.KindString:
		return r.code(at)
	case key == "country" && kind == mmdbdata.KindMap:
		return r.nested(at)
	case key == "autonomous_system_number" && kind == mmdbdata.KindUint32:
		var n uint64
		n, next, err = at.ReadUint()
		r.asn = uint32(n)
		return next, err
	case key == "autonomous_system_organization" && kind == mmdbdata.KindString:
		r.org, next, err = at.ReadStringMaxSize(maxOrg)
		return next, err
	}
	return at.Skip()
}

func (r *record) code(at mmdbdata.Cursor) (next mmdbdata.Cursor, err error) {
	text, next, err := at.ReadStringMaxSize(maxOrg)
	r.country = iso(text)
	return next, err
}

// nested reads iso_code out of a map.
func (r *record) nested(at mmdbdata.Cursor) (next mmdbdata.Cursor, err error) {
	entries, err := at.MapReader()
	if err != nil {
		return next, err
	}
	next = entries.First()
	for range entries.Len() {
		var key []byte
		if key, next, err = next.ReadMapKey(); err != nil {
			return mmdbdata.Cursor{}, err
		}
		kind, err := next.Kind()
		if err != nil {
			return mmdbdata.Cursor{}, err
		}
		if string(key) == "iso_code" && kind == mmdbdata.KindString {
			next, err = r.code(next)
		} else {
			next, err = next.Skip()
		}
		if err != nil {
			return mmdbdata.Cursor{}, err
		}
	}
	return entries.End(next)
}

// codes holds AA, AB, up to ZZ, one behind the other.
var codes = func() string {
	var b strings.Builder
	for i := range 26 * 26 {
		b.WriteByte('A' + byte(i/26))
		b.WriteByte('A' + byte(i%26))
	}
	return b.String()
}()

// iso is the code of a country in capitals, a piece of codes: no file is kept alive
// by it. It is "" for what can be no country; ZZ is not assigned.
func iso(text string) string {
	if len(text) != 2 {
		return ""
	}
	first, second := text[0]&^0x20-'A', text[1]&^0x20-'A'
	if first >= 26 || second >= 26 {
		return ""
	}
	i := 2 * (26*int(first) + int(second))
	if codes[i:i+2] == "ZZ" {
		return ""
	}
	return codes[i : i+2]
}
