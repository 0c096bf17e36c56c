// Package asterisk reads from Asterisk's own configuration which addresses the PBX trusts:
// the trunks it registers with, the peers it knows by address, the networks its access
// lists let in, the networks on our own side of a NAT; which ports it listens on; and which
// logs it writes. The daemon calls it.
//
// It must never run a program (an #exec is reported, not run), never look up a name, never
// trust an entry that lets every address in, and never show a password: of a value it shows
// only the host. It does not see peers in a database.
package asterisk

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"

	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// DefaultDir is where Asterisk keeps its configuration.
const DefaultDir = "/etc/asterisk"

// Bounds of one Read, and of one Ports. No real configuration reaches them, only a mistake
// does.
const (
	maxFile     = 16 << 20 // bytes; 10,000 extensions of FreePBX fit
	maxLine     = 8190     // bytes; Asterisk skips longer ones too
	maxDepth    = 10       // files open above each other: MAX_INCLUDE_LEVEL
	maxTrusts   = 10_000
	maxProblems = 100 // and those of the whole configuration

	// All work is paid from one budget, so that no mixture of files, templates and lists
	// costs more than reading that many bytes. Reading a file has a full budget, and using
	// its contents another one.
	purse       = 256 << 20
	costOfFile  = 128 << 10 // beside its bytes: 2,000 files
	costOfEntry = 1 << 10   // a section or setting, read or inherited
	costOfByte  = 32        // of a value that is taken apart
)

// Role is what a Trust is to the PBX.
type Role uint8

const (
	Peer       Role = iota // a trunk, or an address that an access list allows
	OwnAddress             // the PBX itself, as it is seen from outside a NAT
	LocalNet               // a network on our side of the NAT
)

// Trust is one peer that Asterisk's configuration names, or our own side of a NAT.
type Trust struct {
	Prefix netip.Prefix // masked; zero when Host is a name
	Host   string       // a name to be resolved by the caller, in the background; "" when Prefix is set
	Why    string       // for people, printable: "trunk acme, pjsip.conf:12 match"
	File   string       // the file that has it; the path may hold any byte
	Line   int          // counted from 1
	Role   Role
}

// Read reads pjsip.conf, pjsip_wizard.conf, sip.conf and iax.conf below dir, with what they
// include; "" is DefaultDir. A file that is not there is no error. An entry in several
// places is reported once, for the first place.
//
// Problems are what was not read and what was left out, with the reason; each has a Hint,
// and those of one file that differ only in their line are one. The trusts are valid in any
// case. Read may be called from any goroutine.
func Read(dir string) (trusts []Trust, problems []error) {
	if dir == "" {
		dir = DefaultDir
	}
	r := newReader(dir)
	for _, name := range []string{"pjsip.conf", "pjsip_wizard.conf", "sip.conf", "iax.conf"} {
		r.begin()
		r.file(place{}, filepath.Join(r.dir, name), true)
		r.takeAll()
	}
	return r.trusts, r.problems
}

// reader is one Read or Ports. The sections are those of the present file.
type reader struct {
	dir      string
	kept     []string // the keys that matter
	lost     string   // what follows for the operator when a file cannot be read
	all      bool     // keep all keys, as they are written: in logger.conf they are names of files
	purse    int      // what is left
	trusts   []Trust
	seen     map[Trust]bool // by Prefix and Host alone
	problems []error
	reported map[string]bool // by file and text

	open              []string // the file being read, and above it those that include it
	sections          []*section
	current           *section            // the newest, in which an included file begins
	first, firstPlain map[string]*section // of a name in lower case; plain: no template
}

func newReader(dir string) *reader {
	return &reader{dir: filepath.Clean(dir), kept: kept, lost: lostAddresses, reported: map[string]bool{}, seen: map[Trust]bool{}}
}

// begin forgets the sections of the file before.
func (r *reader) begin() {
	r.purse, r.sections, r.current = purse, nil, nil
	r.first, r.firstPlain = map[string]*section{}, map[string]*section{}
}

// place is a line of a file. The zero place is the whole configuration.
type place struct {
	path string
	line int
}

// show is a place as text for people: below dir, printable.
func (r *reader) show(at place) string {
	return quoted(strings.TrimPrefix(at.path, r.dir+"/")) + ":" + strconv.Itoa(at.line)
}

func (r *reader) tell(at place, do, format string, args ...any) {
	err := fmt.Errorf(format, args...)
	key := at.path + "\x00" + err.Error()
	switch {
	case r.reported[key]:
		return
	case at.path != "" && len(r.problems) >= maxProblems:
		r.tell(place{}, "correct the problems above first; then the others are shown", "Asterisk's files have more problems, which are not shown")
		return
	case at.path != "":
		err = fmt.Errorf("%s: %w", r.show(at), err)
	}
	r.reported[key], r.problems = true, append(r.problems, hint.Add(do, err))
}

// spend takes from the budget, and is false when the budget is empty.
func (r *reader) spend(cost int) bool {
	if r.purse -= cost; r.purse < 0 {
		r.tell(place{}, "look in Asterisk's files for an #include or a template that adds too much", "Asterisk's configuration is too large: pbxjail does not read the rest, %s", r.lost)
	}
	return r.purse >= 0
}

// quoted prints a name: as it is when it is plain, else in quotes and ASCII.
func quoted(text string) string { return show.Word(text, 120) }
