package geoip

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"github.com/oschwald/maxminddb-golang/v2"
)

// MaxSize is the size above which a file is not read. The largest known, of
// cities with everything, have half of it.
const MaxSize = 256 << 20

// Table is one file.
type Table struct {
	Path  string    // "" is the embedded one
	Type  string    // as the file calls itself
	Built time.Time // by its maker, UTC
	Size  int64     // in bytes, and in memory
	Says  string    // what it has: country, asn, and of which protocol when not of both
}

// Name is the path, or words for the built-in table.
func (t Table) Name() string {
	if t.Path == "" {
		return "the built-in table"
	}
	return t.Path
}

// table is a Table that can be asked.
type table struct {
	Table
	says kinds
	ask  ask
}

// kinds is what a file says of which addresses.
type kinds uint8

const (
	country4 kinds = 1 << iota
	country6
	asn4
	asn6

	countries = country4 | country6
	asns      = asn4 | asn6
	all       = countries | asns
)

func (k kinds) String() string {
	text := part("country", k&country4 != 0, k&country6 != 0)
	if more := part("asn", k&asn4 != 0, k&asn6 != 0); more != "" {
		if text != "" {
			text += ", "
		}
		text += more
	}
	return text
}

func part(what string, four, six bool) string {
	switch {
	case four && six:
		return what
	case four:
		return what + " of IPv4"
	case six:
		return what + " of IPv6"
	}
	return ""
}

// embedded is read where it lies in the program's file: of its 5 MiB, memory holds what
// was asked for. A string is never written to, and needs no copy.
//
//go:embed iptoasn/country.mmdb
var embedded string

// openEmbedded opens the table that comes with the program: see iptoasn/NOTICE. It does
// not look at every byte: a test does.
func openEmbedded() (*table, error) {
	data := unsafe.Slice(unsafe.StringData(embedded), len(embedded))
	db, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, err
	}
	return tableOf("", db, data)
}

// open makes a table of the bytes of a file, which must not change from now on. It
// looks at every one of them, so that nothing is left to find out in Place.
func open(path string, data []byte) (*table, error) {
	db, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("this is not a complete MaxMind DB file: %w", err)
	}
	// ip-location-db leaves the description out, and Verify would go no further.
	if len(db.Metadata.Description) == 0 {
		db.Metadata.Description = map[string]string{"en": db.Metadata.DatabaseType}
	}
	if err := db.Verify(); err != nil {
		return nil, fmt.Errorf("this is not a valid MaxMind DB file: %w", err)
	}
	return tableOf(path, db, data)
}

// tableOf makes a table of a file that was looked at.
func tableOf(path string, db *maxminddb.Reader, data []byte) (t *table, err error) {
	t = &table{Table: Table{Path: path, Type: db.Metadata.DatabaseType, Built: db.Metadata.BuildTime().UTC(), Size: int64(len(data))}}
	if t.ask, err = asks(db, data); err != nil {
		return nil, err
	}
	t.says = t.kinds(db)
	if t.says == 0 {
		return nil, errSilent
	}
	t.Says = t.says.String()
	return t, nil
}

// looks is how many networks of a protocol are asked to learn what a file says.
const looks = 1000

var (
	every4 = netip.MustParsePrefix("0.0.0.0/0")
	every6 = netip.MustParsePrefix("2000::/3")
)

// kinds asks the file itself: its type does not tell which protocols it knows.
func (t *table) kinds(db *maxminddb.Reader) kinds {
	return t.kindsWithin(db, every4, country4, asn4) | t.kindsWithin(db, every6, country6, asn6)
}

func (t *table) kindsWithin(db *maxminddb.Reader, all netip.Prefix, country, asn kinds) (k kinds) {
	n := 0
	for r := range db.NetworksWithin(all) {
		if n++; n > looks || k == country|asn || r.Err() != nil {
			break
		}
		rec, _ := t.ask(r.Prefix().Addr())
		if rec.country != "" {
			k |= country
		}
		if rec.asn != 0 {
			k |= asn
		}
	}
	return k
}

var (
	errSize    = fmt.Errorf("the file is larger than %d MiB", MaxSize>>20)
	errChanges = errors.New("another program is writing this file now; try again later")
)

// read opens a file of a path.
func read(path string) (*table, error) {
	// Asked before opening: opening a named pipe would wait for its writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("this is a folder, a device or a pipe, not a file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := readAll(f)
	if err != nil {
		return nil, err
	}
	return open(path, data)
}

// readAll reads a file that does not change meanwhile.
func readAll(f *os.File) ([]byte, error) {
	before, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if before.Size() > MaxSize {
		return nil, errSize
	}
	data := make([]byte, before.Size())
	if _, err := io.ReadFull(f, data); errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) && len(data) > 0 {
		return nil, errChanges
	} else if err != nil && len(data) > 0 {
		return nil, err
	}
	after, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if stampOf(before) != stampOf(after) {
		return nil, errChanges
	}
	if len(data) == 0 {
		return nil, errors.New("the file is empty")
	}
	return data, nil
}

// stamp changes when a file does. The mode is in it: a file may become readable.
type stamp struct {
	size    int64
	changed int64
	mode    fs.FileMode
	inode   uint64
}
