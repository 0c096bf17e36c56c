package control

import (
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"pbxjail/configs/prefix"
	"pbxjail/configs/show"
)

// AllowRequest protects an address, a network or a name from every ban. Exactly one of
// Prefix and Host is set.
type AllowRequest struct {
	Prefix     netip.Prefix `json:"prefix,omitzero"`
	Host       string       `json:"host,omitempty"` // looked up in the background
	ForSeconds int64        `json:"for_seconds"`    // 0: until disallow
	Note       string       `json:"note,omitempty"`
	Force      bool         `json:"force,omitempty"` // even if the network is wide
}

func (r *AllowRequest) subject() string {
	if r.Host != "" {
		return show.Escaped(r.Host)
	}
	return r.Prefix.String()
}

func (r *AllowRequest) detail() (text string) {
	if r.ForSeconds > 0 {
		text = " for " + show.Duration(time.Duration(r.ForSeconds)*time.Second)
	}
	if r.Note != "" {
		text += ": " + show.Escaped(r.Note)
	}
	return text
}

// Allowed is an address, network or name that an operator allowed.
type Allowed struct {
	What  string       `json:"what"` // the address, network or name
	Addrs []netip.Addr `json:"addrs"`
	Since time.Time    `json:"since"`
	Until *time.Time   `json:"until"` // null: until disallow
	Note  string       `json:"note"`
	By    string       `json:"by"`
}

// AllowAnswer says what allow changed.
type AllowAnswer struct {
	Allowed Allowed        `json:"allowed"`
	Lifted  []netip.Prefix `json:"lifted"` // bans that were lifted
	Carved  []netip.Prefix `json:"carved"` // wider bans: the allowed part was lifted, the rest stays
	Covered []Cover        `json:"covered"`
}

// Cover is a ban or feed that still drops packets of an address.
type Cover struct {
	What string `json:"what"` // a banned network, or the name of a feed
	Why  string `json:"why"`  // for people
}

// DisallowRequest takes an allow back.
type DisallowRequest struct {
	What string `json:"what"` // as in Allowed
}

func (r *DisallowRequest) subject() string { return show.Escaped(r.What) }

// DisallowAnswer says whether it was allowed before.
type DisallowAnswer struct {
	Was bool `json:"was"`
	// Protected says why the address or network is still never banned, or "".
	Protected string `json:"protected"`
}

// Protected is a prefix that no jail bans, and why.
type Protected struct {
	Prefix netip.Prefix `json:"prefix"`
	Why    string       `json:"why"`
	Until  *time.Time   `json:"until"` // null: as long as the reason holds
}

// ProtectedRequest asks what is protected: everything, or what overlaps a prefix.
type ProtectedRequest struct {
	Prefix netip.Prefix // zero: all
}

func (r *ProtectedRequest) values() url.Values {
	if !r.Prefix.IsValid() {
		return url.Values{}
	}
	return url.Values{"prefix": {r.Prefix.String()}}
}

func (r *ProtectedRequest) read(v url.Values) (err error) {
	if !v.Has("prefix") {
		return nil
	}
	p, err := netip.ParsePrefix(v.Get("prefix"))
	if err == nil {
		p, err = Canonical(p)
	}
	if err != nil {
		return Refuse(http.StatusBadRequest, "ask for /v1/protected?prefix=PREFIX", "protected: %w", err)
	}
	r.Prefix = p
	return nil
}

// maxNote is how long a note may be, in bytes.
const maxNote = 200

// An allowed address is never banned, and a network of fewer bits is usually a typing error.
const (
	allow4 = 8
	allow6 = 24
)

func (r *AllowRequest) check() (err error) {
	if r.Host != "" == r.Prefix.IsValid() {
		return Refuse(http.StatusBadRequest, `send {"prefix": "203.0.113.7/32"} or {"host": "office.example.net"}`, "allow: needs either one prefix or one name")
	}
	if r.Host != "" {
		if r.Host, err = HostName(r.Host); err != nil {
			return err
		}
	} else if r.Prefix, err = Canonical(r.Prefix); err != nil {
		return Refuse(http.StatusBadRequest, "give a prefix such as 203.0.113.0/24", "allow: %w", err)
	}
	limit := allow4
	if r.Prefix.Addr().Is6() {
		limit = allow6
	}
	switch {
	case r.Host == "" && r.Prefix.Bits() == 0:
		return Refuse(http.StatusBadRequest, "allow a smaller network; to ban no address at all: jailctl off", "not allowed: %s contains every address", r.Prefix)
	case r.Host == "" && r.Prefix.Bits() < limit && !r.Force:
		return Refuse(http.StatusConflict, "if the network is right, add --force to the command", "not allowed: %s is wider than /%d, and no attacker in it would be banned", r.Prefix, limit)
	case r.ForSeconds < 0 || r.ForSeconds > math.MaxInt64/int64(time.Second):
		return Refuse(http.StatusBadRequest, "give seconds; 0 means forever", "allow: %d seconds is not allowed", r.ForSeconds)
	case len(r.Note) > maxNote || strings.ContainsFunc(r.Note, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return Refuse(http.StatusBadRequest, "write at most 200 bytes in one line", "allow: the note is too long, or has characters that cannot be printed")
	}
	return nil
}

func (r *DisallowRequest) check() error {
	if p, err := prefix.Parse(r.What); err == nil {
		if p, err = Canonical(p); err != nil {
			return Refuse(http.StatusBadRequest, "write it as jailctl allowed prints it", "disallow: %w", err)
		}
		r.What = p.String()
		if p.IsSingleIP() {
			r.What = p.Addr().String()
		}
		return nil
	}
	name, err := HostName(r.What)
	r.What = name
	return err
}

// HostName returns a name that DNS can look up, in lower case and without its last dot: RFC
// 1123 2.1, and also underscores, which resolvers accept.
func HostName(text string) (string, error) {
	name := strings.TrimSuffix(strings.ToLower(text), ".")
	labels := strings.Split(name, ".")
	bad := len(name) == 0 || len(name) > 253 || len(labels) < 2 || strings.Trim(labels[len(labels)-1], "0123456789") == ""
	for _, l := range labels {
		bad = bad || l == "" || len(l) > 63 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" || l[0] == '-' || l[len(l)-1] == '-'
	}
	if bad {
		return "", Refuse(http.StatusBadRequest, "give an address, a network or a name such as office.example.net", "%q is neither an address nor a host name", text)
	}
	return name, nil
}
