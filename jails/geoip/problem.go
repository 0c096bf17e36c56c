package geoip

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"pbxjail/configs/hint"
)

// Problem is what is wrong with a file, for the operator.
type Problem struct {
	File string // "" is the built-in table
	What string
	Fix  string // what to do; Hint returns it

	cause   error
	aged    bool // the table is old, and nothing else is wrong
	shipped bool // it is the built-in table
}

// OldShipped reports whether this is the age of the table that comes with the program.
func (p *Problem) OldShipped() bool { return p.aged && p.shipped }

// IsAge reports whether the table is old, and nothing else is wrong.
func (p *Problem) IsAge() bool { return p.aged }

func (p *Problem) Error() string {
	if p.File == "" {
		return p.What
	}
	return p.File + ": " + p.What
}

// Hint says what to do, in one sentence.
func (p *Problem) Hint() string { return p.Fix }

// Unwrap returns what the system or the reader said, or nil.
func (p *Problem) Unwrap() error { return p.cause }

// errSilent is a file that is right, and says nothing that we ask.
var errSilent = errors.New("the file has no countries and no networks (ASN)")

const fixBroken = "replace this file by a complete one: jailctl geoip update --from FILE (or --from URL)"

// broken tells what is wrong with a file.
func broken(file string, err error) *Problem {
	p := &Problem{File: file, What: err.Error(), Fix: fixBroken, cause: err}
	var inner *fs.PathError
	if errors.As(err, &inner) {
		p.What = inner.Err.Error() // the path is in front already
	}
	switch {
	case errors.Is(err, errSilent):
		p.Fix = "use a file of countries or of networks (ASN), such as GeoLite2-Country.mmdb. If geoip.files in the main file names this file, remove its path from geoip.files; then: jailctl reload"
	case errors.Is(err, errSize):
		p.Fix = "use a smaller file of countries or of networks (ASN), such as GeoLite2-Country.mmdb"
	case errors.Is(err, fs.ErrNotExist):
		p.Fix = "put the file at this path, or remove the path from geoip.files in the main file; then: jailctl reload"
	case errors.Is(err, fs.ErrPermission) && inner != nil:
		p.Fix = hint.Readable(inner.Path)
	}
	return p
}

// MaxAge is how old a table may be before it is warned about. Networks are sold
// from country to country every day.
const MaxAge = 90 * 24 * time.Hour

// Days is the age of a table in whole days.
func (t Table) Days(now time.Time) int { return int(max(0, now.Sub(t.Built)) / (24 * time.Hour)) }

// Old is nil, or the warning that a table is older than MaxAge.
func (t Table) Old(now time.Time) *Problem {
	if now.Sub(t.Built) <= MaxAge {
		return nil
	}
	return &Problem{
		aged: true, shipped: t.Path == "",
		What: fmt.Sprintf("geoip: %s is %d days old, from %s: pbxjail may place some addresses in the wrong country", t.Name(), t.Days(now), t.Built.Format(time.DateOnly)),
		Fix:  "get a new file: jailctl geoip update --from URL",
	}
}
