package geoip

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"pbxjail/configs/prefix"
	"pbxjail/jails"
	"pbxjail/jails/book"
)

// Stored is where jailctl geoip update puts files, and the daemon looks for them.
const Stored = "/var/lib/pbxjail/geoip"

// Known are the folders where others put such files: geoipupdate(1), distributions.
var Known = []string{"/usr/share/GeoIP", "/var/lib/GeoIP", "/usr/local/share/GeoIP"}

// Options of Tables.
type Options struct {
	Files  []string // of the main file; they come first, in their order
	Stored string   // "" is Stored
	Known  []string // nil is Known

	// Notify is called when a file is read (nil) or cannot be. It is called while
	// nothing else can be read, and must not call back. May be nil.
	Notify func(path string, problem error)
}

// Tables are the files in use. All methods may be called from any goroutine.
type Tables struct {
	notify func(path string, problem error)
	stored string
	known  []string
	used   atomic.Pointer[[]*table] // never nil, and never changed in place
	poke   chan struct{}            // files have other names

	version atomic.Uint64

	mu       sync.Mutex // guards what follows; Place does not wait for it
	files    []string
	entries  map[string]*entry
	closed   map[string]*Problem // folders that cannot be read
	embedded *table              // while it is in use
	err      error               // why the embedded one is not
}

var _ jails.Places = (*Tables)(nil)

// Open reads the files that are there. It always has Tables to return: Problems
// says what is wrong with them.
func Open(opts Options) *Tables {
	t := &Tables{
		notify: opts.Notify, stored: opts.Stored, known: opts.Known, files: opts.Files,
		poke: make(chan struct{}, 1), entries: map[string]*entry{},
	}
	if t.notify == nil {
		t.notify = func(string, error) {}
	}
	if t.stored == "" {
		t.stored = Stored
	}
	if t.known == nil {
		t.known = Known
	}
	t.used.Store(new([]*table))
	t.Look()
	return t
}

// SetFiles changes the files of the main file, and reads them.
func (t *Tables) SetFiles(files []string) {
	t.mu.Lock()
	t.files = files
	t.mu.Unlock()
	t.Look()
	select {
	case t.poke <- struct{}{}:
	default: // it is known already
	}
}

// Place implements jails.Places. An address that no file knows has the zero Place.
func (t *Tables) Place(a netip.Addr) book.Place {
	p, _, _ := t.place(a)
	return p
}

// Version implements jails.Places.
func (t *Tables) Version() uint64 { return t.version.Load() }

// Answer is a Place, and which file said it.
type Answer struct {
	book.Place
	CountryFrom *Table // nil when it is not known
	ASNFrom     *Table
}

// Lookup is Place for people.
func (t *Tables) Lookup(a netip.Addr) Answer {
	p, country, asn := t.place(a)
	answer := Answer{Place: p}
	if country != nil {
		answer.CountryFrom = &country.Table
	}
	if asn != nil {
		answer.ASNFrom = &asn.Table
	}
	return answer
}

// place takes the country and the network from the first file that has them. The
// prefix is the narrowest of theirs: only there does all of it hold.
func (t *Tables) place(a netip.Addr) (p book.Place, country, asn *table) {
	a = prefix.Addr(a)
	if !a.IsValid() {
		return p, nil, nil
	}
	for _, from := range *t.used.Load() {
		wanted := country == nil && from.says&countries != 0 || asn == nil && from.says&asns != 0
		if !wanted {
			continue
		}
		rec, network := from.ask(a)
		took := false
		if country == nil && rec.country != "" {
			p.Country, country, took = rec.country, from, true
		}
		if asn == nil && rec.asn != 0 {
			p.ASN, p.Org, asn, took = rec.asn, rec.org, from, true
		}
		if took && network.Contains(a) && network.Bits() > p.Network.Bits() {
			p.Network = network
		}
	}
	return p, country, asn
}

// Files are the files in use, in the order they are asked.
func (t *Tables) Files() []Table {
	var list []Table
	for _, used := range *t.used.Load() {
		list = append(list, used.Table)
	}
	return list
}

// Problems are the files that cannot be used, and those in use that are old. Each
// is a *Problem.
func (t *Tables) Problems(now time.Time) []error {
	list := t.unusable()
	for _, used := range t.Files() {
		if old := used.Old(now); old != nil {
			list = append(list, old)
		}
	}
	return list
}
