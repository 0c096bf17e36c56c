package control

import (
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"pbxjail/configs/prefix"
)

// AllowRequest lets an address, a network or a name in, whatever it does. Exactly one of
// Prefix and Host is set.
type AllowRequest struct {
	Prefix     netip.Prefix `json:"prefix,omitzero"`
	Host       string       `json:"host,omitempty"` // looked up in the background
	ForSeconds int64        `json:"for_seconds"`    // 0: until disallow
	Note       string       `json:"note,omitempty"`
	Force      bool         `json:"force,omitempty"` // although the network is wide
}

// Allowed is whom an operator lets in.
type Allowed struct {
	What  string       `json:"what"` // the address, network or name
	Addrs []netip.Addr `json:"addrs"`
	Since time.Time    `json:"since"`
	Until *time.Time   `json:"until"` // null: until disallow
	Note  string       `json:"note"`
	By    string       `json:"by"`
}

// AllowAnswer says what allow did at once.
type AllowAnswer struct {
	Allowed Allowed        `json:"allowed"`
	Lifted  []netip.Prefix `json:"lifted"` // bans that are over
	Carved  []netip.Prefix `json:"carved"` // wider bans: what was allowed is out of them, the rest holds
	Covered []Cover        `json:"covered"`
}

// Cover is something that still drops packets of an address.
type Cover struct {
	What string `json:"what"` // a banned network, or the name of a feed
	Why  string `json:"why"`  // for people
}

// DisallowRequest takes an allow back.
type DisallowRequest struct {
	What string `json:"what"` // as Allowed says it
}

// DisallowAnswer says whether there was one.
type DisallowAnswer struct {
	Was bool `json:"was"`
	// Protected says why the address or network is never banned all the same, or "".
	Protected string `json:"protected"`
}

// Protected is a prefix that no jail bans, and why.
type Protected struct {
	Prefix netip.Prefix `json:"prefix"`
	Why    string       `json:"why"`
	Until  *time.Time   `json:"until"` // null: as long as the reason holds
}

// ProtectedRequest asks who is protected: all, or what shares an address with a prefix.
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

// Whoever is allowed is never banned: a network of fewer bits is a slip of the finger.
const (
	allow4 = 8
	allow6 = 24
)

func (r *AllowRequest) check() (err error) {
	if r.Host != "" == r.Prefix.IsValid() {
		return Refuse(http.StatusBadRequest, `send {"prefix": "203.0.113.7/32"} or {"host": "office.example.net"}`, "allow: neither one prefix nor one name")
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
		return Refuse(http.StatusBadRequest, "allow a narrower network; pbxjail --observe bans nobody", "%s is everybody", r.Prefix)
	case r.Host == "" && r.Prefix.Bits() < limit && !r.Force:
		return Refuse(http.StatusConflict, "check the prefix; --force allows it all the same", "%s is wider than /%d: no attacker in it would be banned", r.Prefix, limit)
	case r.ForSeconds < 0 || r.ForSeconds > math.MaxInt64/int64(time.Second):
		return Refuse(http.StatusBadRequest, "give seconds; 0 is for ever", "allow: %d is no number of seconds", r.ForSeconds)
	case len(r.Note) > maxNote || strings.ContainsFunc(r.Note, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return Refuse(http.StatusBadRequest, "write at most 200 bytes in one line", "allow: the note is too long, or has bytes that are no text")
	}
	return nil
}

func (r *DisallowRequest) check() error {
	if p, err := prefix.Parse(r.What); err == nil {
		if p, err = Canonical(p); err != nil {
			return Refuse(http.StatusBadRequest, "write it as jailctl allowed shows it", "disallow: %w", err)
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

// HostName is a name that can be looked up, in lower case and without its last dot: RFC 1123
// 2.1, with the underscores that resolvers let pass.
func HostName(text string) (string, error) {
	name := strings.TrimSuffix(strings.ToLower(text), ".")
	labels := strings.Split(name, ".")
	bad := len(name) == 0 || len(name) > 253 || len(labels) < 2 || strings.Trim(labels[len(labels)-1], "0123456789") == ""
	for _, l := range labels {
		bad = bad || l == "" || len(l) > 63 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" || l[0] == '-' || l[len(l)-1] == '-'
	}
	if bad {
		return "", Refuse(http.StatusBadRequest, "give an address, a network or a name such as office.example.net", "%q is neither an address nor a host's name", text)
	}
	return name, nil
}
